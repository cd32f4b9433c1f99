import { h, replace, table, field, toast, when, copy, confirmed } from "./dom.js";
import * as api from "./api.js";

export async function show(page) {
  const list = h("div"), made = h("div");
  const users = await api.rows(api.send("GET", "Users"));
  const name = h("input", { required: true }), user = h("select", {}, users.map((u) => h("option", {}, u.name))), expires = h("input", { type: "date" }), addresses = h("input", { placeholder: "any" });
  async function draw() {
    const keys = await api.rows(api.send("GET", "ApplicationKeys"));
    const documents = await Promise.all(keys.map((k) => api.send("GET", api.entity("ApplicationKeys", k.name)).catch(() => ({ name: k.name }))));
    replace(list, table([
      { title: "Key", cell: (k) => [h("strong", {}, k.name), k.description ? h("div", { className: "dim" }, k.description) : null] }, { title: "User", cell: (k) => k.userNameReference },
      { title: "Last used", cell: (k) => (k.lastUsedDate ? when(k.lastUsedDate).slice(0, 16) : "never") }, { title: "Expires", className: "wide", cell: (k) => (k.expirationDate ? when(k.expirationDate).slice(0, 10) : "never") },
      { title: "Addresses", className: "wide", cell: (k) => k.ipWhiteList || "any" }, { title: "State", cell: (k) => (k.enabled ? h("span", { className: "good" }, "good") : h("span", { className: "bad" }, "disabled")) },
      { title: "", cell: (k) => h("span", { className: "row" }, h("button", { className: "small", onclick: async () => { await api.call("ApplicationKeys", k.name, k.enabled ? "DisableKey" : "EnableKey"); draw(); } }, k.enabled ? "Disable" : "Enable"),
        h("button", { className: "small danger", "aria-label": `Revoke ${k.name}`, onclick: async () => { if (!confirmed(`Revoke ${k.name}? Its connections are closed.`)) return; await api.call("Resources", "EntityServices", "DeleteApplicationKey", { name: k.name }); draw(); } }, "Revoke")) },
    ], documents, { empty: "There are no keys", name: "Application keys" }));
  }
  const form = h("form", { className: "panel", onsubmit: async (event) => {
    event.preventDefault();
    await api.call("Resources", "EntityServices", "CreateApplicationKey", { name: name.value, user: user.value, whitelist: addresses.value, expirationDate: expires.value || undefined });
    const secret = await api.result(api.call("ApplicationKeys", name.value, "GetKeyID"));
    replace(made, shown(name.value, secret));
    draw();
  } }, h("h2", {}, "New key"), h("div", { className: "form" }, field("Name", name), field("For the user", user), field("Expires", expires), field("Addresses", addresses, "with commas"), h("button", { className: "primary" }, "Make it")), made);
  replace(page, h("h1", {}, "Application keys"), h("p", { className: "sub" }, "What gateways and programs sign in with. Only digests are kept."), form, h("div", { className: "panel" }, list));
  await draw();
}

function shown(name, secret) {
  const isTLS = location.protocol === "https:";
  const config = JSON.stringify({ ws_servers: [{ host: location.hostname, port: Number(location.port || (isTLS ? 443 : 80)) }], appKey: secret, ...(isTLS ? {} : { ws_connection: { encryption: "none" } }) }, null, 2);
  const curl = `curl -H 'appKey: ${secret}' ${location.origin}/Thingworx/Things`;
  const part = (title, value) => h("div", {}, h("div", { className: "row spread" }, h("strong", {}, title), h("button", { type: "button", className: "small", onclick: () => copy(value) }, "Copy")), h("pre", { tabindex: 0 }, value));
  return h("div", {}, h("p", { className: "warn" }, `The key ${name} is shown now and not again:`), part("Key", secret), part("config.json of a gateway", config), part("A first request", curl));
}
