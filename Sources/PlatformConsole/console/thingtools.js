import { h, field, toast, confirmed } from "./dom.js";
import * as api from "./api.js";

const types = ["NUMBER", "STRING", "BOOLEAN", "INTEGER", "DATETIME", "LOCATION", "JSON", "INFOTABLE", "TEXT", "HYPERLINK", "IMAGE", "BLOB", "TAGS", "TIMESPAN", "GUID", "PASSWORD", "XML", "HTML", "QUERY", "VARIANT", "THINGNAME", "USERNAME"];
const again = () => window.dispatchEvent(new Event("hashchange"));

/// Defining properties, renaming, copying and deleting a Thing.
export function tools(name, document_) {
  return h("div", {}, propertyForm(name, document_), about(name, document_), whole(name, document_));
}

function propertyForm(name, document_) {
  const property = h("input", { required: true });
  const type = h("select", {}, types.map((t) => h("option", {}, t)));
  const standard = h("input", {});
  const checks = Object.fromEntries(["persistent", "logged", "readOnly", "remote"].map((key) => [key, h("input", { type: "checkbox", checked: key === "logged" || key === "persistent" })]));
  const source = h("input", { placeholder: "as the property" });
  const push = h("select", {}, ["VALUE", "ALWAYS", "DEADBAND", "ON", "OFF", "NEVER"].map((t) => h("option", {}, t)));
  const labels = { persistent: "Outlasts a restart", logged: "Has a history", readOnly: "Read only", remote: "Lives at the edge" };
  const own = Object.keys(document_.thingShape.propertyDefinitions);
  const gone = h("select", { "aria-label": "Property to remove" }, own.map((p) => h("option", {}, p)));
  return h("div", { className: "panel" }, h("h2", {}, "Define a property"), h("form", { onsubmit: async (event) => {
    event.preventDefault();
    await api.onThing(name, "AddPropertyDefinition", {
      name: property.value, type: type.value, defaultValue: standard.value || undefined, persistent: checks.persistent.checked, logged: checks.logged.checked, readOnly: checks.readOnly.checked,
      remote: checks.remote.checked, remotePropertyName: source.value || undefined, pushType: push.value,
    });
    toast(`${property.value} is defined`);
    again();
  } }, h("div", { className: "form" }, field("Name", property), field("Base type", type), field("Default value", standard), field("Name at the edge", source), field("Push type", push)),
    h("div", { className: "row" }, Object.entries(checks).map(([key, input]) => h("label", {}, input, " ", labels[key]))), h("p", {}, h("button", { className: "primary" }, "Define it"))),
    own.length ? h("div", { className: "row" }, gone, h("button", { className: "danger", onclick: async () => { await api.onThing(name, "RemovePropertyDefinition", { name: gone.value }); again(); } }, "Remove the property")) : null);
}

function about(name, document_) {
  const description = h("input", { value: document_.description });
  const identifier = h("input", { value: document_.identifier });
  return h("form", { className: "panel", onsubmit: async (event) => {
    event.preventDefault();
    await api.send("PUT", api.entity("Things", name), { description: description.value, identifier: identifier.value });
    toast("Changed");
    again();
  } }, h("h2", {}, "What it is"), h("div", { className: "form" }, field("Description", description), field("Identifier", identifier), h("button", { className: "primary" }, "Change it")));
}

function whole(name, document_) {
  const other = h("input", { required: true, value: name });
  const act = (work) => async (event) => { event.preventDefault(); if (other.value && other.value !== name) await work(other.value); else toast("Give it another name", { error: true }); };
  return h("div", { className: "panel" }, h("h2", {}, "The whole Thing"), h("div", { className: "form" }, field("New name", other)), h("div", { className: "row" },
    h("button", { onclick: act(async (to) => { await api.call("Resources", "EntityServices", "CloneThing", { sourceThingName: name, name: to }); location.hash = `#/things/${encodeURIComponent(to)}`; }) }, "Copy"),
    h("button", { onclick: act(async (to) => {
      const fresh = await api.send("GET", api.entity("Things", name));
      await api.send("PUT", api.entity("Things", to), { ...fresh, name: to, identifier: "" });
      await api.send("DELETE", api.entity("Things", name));
      if (fresh.identifier) await api.onThing(to, "SetIdentifier", { identifier: fresh.identifier });
      toast(`It is called ${to} now; its history stays under the old name`);
      location.hash = `#/things/${encodeURIComponent(to)}`;
    }) }, "Rename"),
    h("button", { onclick: async () => { await api.onThing(name, document_.enabled === "true" ? "DisableThing" : "EnableThing"); again(); } }, document_.enabled === "true" ? "Disable" : "Enable"),
    h("button", { className: "danger", onclick: async () => {
      if (!confirmed(`Delete ${name}?`)) return;
      const fresh = await api.send("GET", api.entity("Things", name));
      await api.send("DELETE", api.entity("Things", name));
      location.hash = "#/things";
      toast(`${name} is deleted`, { seconds: 12, label: "Undo", action: async () => {
        await api.send("PUT", api.entity("Things", name), fresh);
        toast(`${name} is back`);
        location.hash = `#/things/${encodeURIComponent(name)}`;
      } });
    } }, "Delete")));
}
