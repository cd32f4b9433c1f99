// Elements from names, attributes and children. Whatever comes from outside becomes text, never markup.
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value") element.value = value;
    else if (key === "checked") element.checked = value;
    else element.setAttribute(key === "className" ? "class" : key, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

export function replace(element, ...children) {
  element.replaceChildren();
  return append(element, children);
}

export function toast(text, { error = false, action, label, seconds = error ? 8 : 5 } = {}) {
  const box = h("div", { className: error ? "toast error" : "toast" }, h("span", { className: "grow" }, text));
  const close = () => box.remove();
  if (action) box.append(h("button", { onclick: () => { close(); action(); } }, label));
  const all = document.getElementById("toasts");
  all.append(box);
  if (all.children.length > 3) all.firstElementChild.remove();
  setTimeout(close, seconds * 1000);
}

export function table(columns, rows, { empty = "Nothing here yet", fixed = false, name } = {}) {
  if (!rows.length) return h("p", { className: "empty" }, empty);
  return h("div", { className: "scroll", tabindex: 0, role: "region", "aria-label": name ?? columns.map((c) => c.title).filter(Boolean).join(", ") },
    h("table", { className: fixed ? "fixed" : undefined },
      h("thead", {}, h("tr", {}, columns.map((c) => h("th", { scope: "col", className: c.className, width: c.width }, c.title || h("span", { className: "skip" }, c.label ?? "Actions"))))),
      h("tbody", {}, rows.map((row) => h("tr", {}, columns.map((c) => h("td", { className: c.className }, c.cell(row))))))));
}

export function field(label, input, hint) {
  return h("label", { className: "field" }, h("span", {}, label, hint ? h("span", { className: "dim" }, " · ", hint) : null), input);
}

export function age(time) {
  if (!time) return "never";
  const seconds = Math.max(0, (Date.now() - time) / 1000);
  if (seconds < 1) return "now";
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

export const when = (time) => (time ? new Date(time).toISOString().replace("T", " ").slice(0, 23) : "");

export function show(value, baseType) {
  if (value === null || value === undefined) return "–";
  if (baseType === "DATETIME") return when(value);
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(7)));
  if (typeof value === "object") {
    if (value.rows) return `table of ${value.rows.length} rows`;
    if (value.latitude !== undefined) return `${value.latitude}, ${value.longitude}`;
    return JSON.stringify(value);
  }
  return String(value);
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied");
  } catch {
    toast("The browser does not let pages copy here: select the text", { error: true });
  }
}

export function confirmed(text) { return window.confirm(text); }
