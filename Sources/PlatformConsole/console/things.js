import { h, replace, table, field, toast, age } from "./dom.js";
import * as api from "./api.js";

const most = 500;

export async function show(page) {
  const [things, bindings, templates] = await Promise.all([
    api.rows(api.send("GET", "Things")), api.rows(api.call("Resources", "DeviceFunctions", "QueryBindings")).catch(() => []), api.rows(api.send("GET", "ThingTemplates")),
  ]);
  const byName = new Map(things.map((t) => [t.name, t]));
  const gateways = new Map(bindings.map((b) => [b.thing, b.gateway || b.address]));
  const search = h("input", { type: "search", placeholder: "Search names, templates, descriptions", "aria-label": "Search Things", className: "grow", oninput: () => draw() });
  const only = h("select", { "aria-label": "Which Things", onchange: () => draw() }, h("option", { value: "" }, "All"), h("option", { value: "on" }, "Connected"), h("option", { value: "off" }, "Not connected"));
  const list = h("div");
  const count = h("p", { className: "sub" });
  const states = new Map();

  function draw() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = [...byName.values()].filter((t) => {
      if (only.value && (only.value === "on") !== (t.isConnected === true)) return false;
      const text = `${t.name} ${t.thingTemplate} ${t.description} ${gateways.get(t.name) ?? ""}`.toLowerCase();
      return words.every((w) => text.includes(w));
    });
    count.textContent = `${found.length} of ${byName.size} Things${found.length > most ? `, the first ${most} shown` : ""}, ${[...byName.values()].filter((t) => t.isConnected).length} connected`;
    states.clear();
    replace(list, table([
      { title: "Name", width: "32%", cell: (t) => h("a", { href: `#/things/${encodeURIComponent(t.name)}` }, t.name) },
      { title: "State", width: "15%", cell: (t) => state(t) },
      { title: "Template", width: "19%", className: "wide", cell: (t) => t.thingTemplate },
      { title: "Gateway", width: "16%", className: "wide", cell: (t) => gateways.get(t.name) ?? "" },
      { title: "Description", cell: (t) => t.description },
    ], found.slice(0, most), { fixed: true, empty: "No Thing is like that", name: "Things" }));
  }

  function state(thing) {
    const box = h("span", {});
    states.set(thing.name, box);
    fill(box, thing);
    return box;
  }

  function fill(box, thing) {
    if (thing.isConnected === null || thing.isConnected === undefined) return replace(box, h("span", { className: "dim" }, "here"));
    replace(box, h("span", { className: thing.isConnected ? "dot on" : "dot" }), thing.isConnected ? "connected" : h("span", { className: "dim" }, thing.lastConnection ? `off, ${age(thing.lastConnection)}` : "off"));
  }

  const form = createForm(templates);
  replace(page,
    h("div", { className: "row spread" }, h("h1", {}, "Things"), h("button", { className: "primary", "aria-expanded": "false", onclick: (e) => { form.hidden = !form.hidden; e.currentTarget.setAttribute("aria-expanded", String(!form.hidden)); } }, "New Thing")),
    count, form, h("div", { className: "panel" }, h("div", { className: "row" }, search, only), list));
  draw();
  return api.follow({ kinds: "events", interval: 300 }, (line) => {
    const thing = byName.get(line.thing);
    if (line.name === "ThingCreated" && !thing) {
      byName.set(line.thing, { name: line.thing, description: "", thingTemplate: "", isConnected: null });
      return draw();
    }
    if (line.name === "Deleted" && line.data?.kind === "Thing") { byName.delete(line.data.name); return draw(); }
    if (!thing || (line.name !== "Bound" && line.name !== "Unbound")) return;
    thing.isConnected = line.name === "Bound";
    thing.lastConnection = line.time;
    const box = states.get(thing.name);
    if (box) fill(box, thing);
  });
}

function createForm(templates) {
  const name = h("input", { required: true, maxlength: 256 });
  const template = h("select", {}, templates.map((t) => h("option", { value: t.name }, t.name)));
  template.value = "RemoteThing";
  const description = h("input", {});
  const identifier = h("input", {});
  return h("form", {
    className: "panel", hidden: true,
    onsubmit: async (event) => {
      event.preventDefault();
      await api.call("Resources", "EntityServices", "CreateThing", {
        name: name.value, thingTemplateName: template.value, description: description.value, identifier: identifier.value || undefined,
      });
      toast(`${name.value} is made`);
      location.hash = `#/things/${encodeURIComponent(name.value)}`;
    },
  }, h("div", { className: "form" }, field("Name", name), field("Template", template), field("Description", description), field("Identifier", identifier, "as a device binds it: *…")),
    h("button", { className: "primary" }, "Make it"));
}
