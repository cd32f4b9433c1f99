import { h, replace, table, toast, when } from "./dom.js";
import * as api from "./api.js";

/// Connections of edges: what came by each, and what gateways say of themselves.
export async function show(page) {
  const [sessions, bindings] = await Promise.all([api.rows(api.call("Subsystems", "WSCommunicationsSubsystem", "QueryEndpointSessions", { maxItems: 1000 })), api.rows(api.call("Resources", "DeviceFunctions", "QueryBindings"))]);
  const things = Map.groupBy ? Map.groupBy(bindings, (b) => String(b.connection)) : bindings.reduce((map, b) => map.set(String(b.connection), [...(map.get(String(b.connection)) ?? []), b]), new Map());
  replace(page, h("h1", {}, "Gateways"), h("p", { className: "sub" }, `${sessions.length} connections of edges, ${bindings.length} Things bound through them`),
    sessions.length ? sessions.map((s) => panel(s, things.get(String(s.endpointId)) ?? [])) : h("div", { className: "panel" }, h("p", { className: "empty" }, "No edge is connected. A gateway that has a key of this platform (Keys makes one, with its config.json) shows here.")));
}

function panel(session, bound) {
  const gateway = bound[0]?.gateway;
  const detail = h("div");
  return h("section", { className: "panel" },
    h("div", { className: "row spread" }, h("h2", {}, gateway || bound[0]?.address || `Connection ${session.endpointId}`),
      h("span", { className: "row" }, gateway ? h("button", { className: "small", onclick: () => inspect(gateway, detail) }, "Version and log") : null,
        h("button", { className: "small danger", onclick: async () => { await api.call("Subsystems", "WSCommunicationsSubsystem", "CloseEndpointSessions", { endpointId: session.endpointId }); toast("Closed; the edge comes back by itself"); } }, "Close"))),
    h("p", { className: "dim" }, `connection ${session.endpointId} · key ${session.appKeyName} as ${session.userContext} · since ${when(session.startDate)} · ${bound.length} Things`),
    h("p", {}, bound.slice(0, 200).map((b) => [h("a", { href: `#/things/${encodeURIComponent(b.thing)}` }, b.thing), "  "]), bound.length > 200 ? `and ${bound.length - 200} more` : ""), detail);
}

async function inspect(gateway, place) {
  replace(place, h("p", { className: "dim" }, "Asking…"));
  try {
    const version = await api.result(api.onThing(gateway, "GetMicroServerVersion")).catch((error) => error.message);
    const entries = await api.rows(api.onThing(gateway, "GetLogData", { maxItems: 200 })).catch(() => []);
    const warnings = entries.filter((e) => ["WARN", "ERROR"].includes(String(e.level).toUpperCase()));
    replace(place, h("p", {}, "Version ", h("strong", {}, String(version)), ` · ${warnings.length} warnings and errors among the last ${entries.length} lines`),
      h("div", { className: "lines", tabindex: 0 }, entries.map((e) => h("div", { className: e.level === "ERROR" ? "bad" : e.level === "WARN" ? "warn" : undefined }, `${when(e.timestamp)} ${e.level} ${e.origin ?? ""} ${e.content}`))));
  } catch (error) { replace(place, h("p", { className: "bad", role: "alert" }, error.message)); }
}
