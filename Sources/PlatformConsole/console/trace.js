import { h, replace, field, when, copy } from "./dom.js";
import * as api from "./api.js";

const most = 1000;

/// Messages between the platform and edges, decoded, as they go over the wire.
export async function show(page) {
  const lines = [];
  let paused = false, picked = null, dropped = 0;
  const thing = h("input", { type: "search", "aria-label": "Thing", placeholder: "Thing", oninput: () => draw() });
  const connection = h("input", { type: "search", "aria-label": "Connection", placeholder: "Connection", oninput: () => draw() });
  const kind = h("select", { "aria-label": "Kind", onchange: () => draw() }, h("option", { value: "" }, "All kinds"), ["auth", "bind", "unbind", "request", "response", "chunk", "keepAlive"].map((k) => h("option", {}, k)));
  const pause = h("button", { "aria-pressed": "false", onclick: () => { paused = !paused; pause.setAttribute("aria-pressed", String(paused)); if (!paused) draw(); } }, "Pause");
  const list = h("div", { className: "lines", tabindex: 0, role: "log", "aria-label": "Messages", "aria-live": "off" });
  const detail = h("pre", { tabindex: 0 }, "Pick a message to see all of it.");
  const count = h("span", { className: "dim" });

  const summary = ({ incoming, message: m, connection: c, time }) => {
    const what = m.kind === "request" ? `${["?", "GET", "PUT", "POST", "DELETE"][m.code] ?? m.code} ${m.entityName}/${m.characteristicName}` : m.kind === "response" ? `${m.code >> 5}.${String(m.code & 31).padStart(2, "0")} to ${m.requestId}${m.reason ? ` ${m.reason}` : ""}` : m.kind === "bind" || m.kind === "unbind" ? (m.names ?? []).join(", ") || m.gatewayName : "";
    return `${when(time).slice(11)}  ${String(c).padStart(3)} ${incoming ? "→" : "←"} ${String(m.kind).padEnd(9)} ${what}`;
  };
  const isWanted = (l) => (!kind.value || l.message.kind === kind.value) && (!connection.value || String(l.connection) === connection.value) && (!thing.value || JSON.stringify(l.message).toLowerCase().includes(thing.value.toLowerCase()));

  function draw() {
    const found = lines.filter(isWanted);
    count.textContent = `${found.length} messages${dropped ? `, ${dropped} came too fast to be shown` : ""}`;
    replace(list, found.slice(-300).reverse().map((l) => h("div", { "aria-selected": String(l === picked), onclick: () => pick(l) }, summary(l))));
  }
  function pick(line) {
    picked = line;
    detail.textContent = JSON.stringify(line.message, null, 2) + (line.bytes ? `\n\n${line.bytes}` : "");
    draw();
  }
  replace(page, h("h1", {}, "Trace"), h("p", { className: "sub" }, "What goes between the platform and edges while this page is open."),
    h("div", { className: "panel" }, h("div", { className: "row" }, thing, connection, kind, pause, h("button", { onclick: () => { lines.length = 0; dropped = 0; draw(); } }, "Clear"),
      h("button", { onclick: () => picked && copy(JSON.stringify({ hex: picked.bytes, fields: picked.message })) }, "Copy as test vector"), count)), list, h("h2", {}, "Message"), detail);
  let isWaiting = false;
  return api.follow({ kinds: "messages", interval: 100 }, (line) => {
    if (line.kind === "dropped") dropped += line.count;
    if (line.kind !== "message") return;
    lines.push(line);
    if (lines.length > most) lines.splice(0, lines.length - most);
    if (paused || isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => { isWaiting = false; if (!paused) draw(); });
  });
}
