import { h, replace, table, field, toast, when } from "./dom.js";
import * as api from "./api.js";

/// Names that edges have bound and no Thing has.
export async function show(page) {
  const templates = (await api.rows(api.call("ThingTemplates", "RemoteThing", "GetIncomingDependencies"))).filter((d) => d.type === "ThingTemplate").map((d) => d.name);
  const list = h("div");
  const template = h("select", { "aria-label": "Template for claimed Things" }, ["RemoteThing", ...templates].map((t) => h("option", {}, t)));
  async function draw() {
    const names = await api.rows(api.call("Resources", "DeviceFunctions", "QueryUnboundNames"));
    replace(list, table([
      { title: "Name", cell: (n) => [h("strong", {}, n.name), n.isIdentifier ? h("span", { className: "tag" }, "identifier") : null] },
      { title: "From", cell: (n) => n.address }, { title: "Gateway", className: "wide", cell: (n) => n.gateway }, { title: "Key", className: "wide", cell: (n) => n.key },
      { title: "Connected since", className: "wide", cell: (n) => when(n.since) }, { title: "", cell: (n) => h("button", { className: "small primary", "aria-label": `Claim ${n.name}`, onclick: () => claim(n) }, "Claim") },
    ], names, { empty: "No device waits for a Thing. One that binds a name that no Thing has appears here.", name: "Unclaimed names" }));
  }
  async function claim(waiting) {
    const name = window.prompt("Name of the new Thing", waiting.name);
    if (!name) return;
    await api.call("Resources", "EntityServices", "CreateThing", { name, thingTemplateName: template.value, identifier: waiting.isIdentifier ? waiting.name : undefined });
    toast(`${name} is made and bound`);
    await draw();
  }
  replace(page, h("h1", {}, "Unclaimed"), h("p", { className: "sub" }, "Devices that have bound a name, or an identifier, that no Thing has yet."),
    h("div", { className: "panel" }, h("div", { className: "row" }, field("Template for claimed Things", template)), list));
  await draw();
  const timer = setInterval(() => draw().catch(() => {}), 3000);
  return () => clearInterval(timer);
}
