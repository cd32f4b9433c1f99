import { h, replace, table, field, toast, age, when, show as text, confirmed } from "./dom.js";
import * as api from "./api.js";
import { Chart, spark } from "./chart.js";
import { serviceForm } from "./services.js";
import { tools } from "./thingtools.js";

const isNumber = (type) => type === "NUMBER" || type === "INTEGER" || type === "LONG" || type === "BOOLEAN";
const mostKept = 60;

export async function show(page, { argument: name }) {
  const [document_, values] = await Promise.all([api.send("GET", api.entity("Things", name)), api.rows(api.onThing(name, "GetPropertyValuesAsMultiRowTable"))]);
  const definitions = document_.effectiveShape.propertyDefinitions;
  const remote = document_.effectiveRemotePropertyBindings ?? {};
  const isRemote = document_.effectiveThingPackage === "RemoteThingPackage";
  const properties = new Map(Object.values(definitions).map((d) => [d.name, { ...d, remote: remote[d.name], value: undefined, numbers: [] }]));
  for (const row of values) {
    const property = properties.get(row.name);
    if (property) Object.assign(property, { value: row.value?.value ?? row.value, time: row.time, quality: row.quality });
  }

  const state = h("span", {});
  const setState = (on) => replace(state, h("span", { className: on ? "dot on" : "dot" }), on ? "connected" : "not connected");
  if (isRemote) setState((await api.rows(api.send("GET", `${api.entity("Things", name)}/Properties/isConnected`)))[0]?.isConnected);

  const tabs = {
    Properties: () => propertiesPanel(), Services: () => servicesPanel(name), Events: () => eventsPanel(), Device: isRemote ? () => devicePanel() : null, Try: () => tryPanel(), Manage: () => tools(name, document_),
  };
  const body = h("div");
  const buttons = Object.entries(tabs).filter(([, make]) => make).map(([title]) => h("button", { "aria-pressed": "false", onclick: () => open(title) }, title));
  let chart = null;
  let drawing = null;
  const rows = new Map();
  const events = [];
  let eventList = null;

  function open(title) {
    chart?.close();
    chart = null;
    rows.clear();
    eventList = null;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.textContent === title));
    Promise.resolve(tabs[title]()).then((content) => replace(body, content)).catch((error) => replace(body, h("p", { className: "bad", role: "alert" }, error.message)));
  }

  replace(page,
    h("h1", {}, name),
    h("p", { className: "sub" }, h("a", { href: "#/things" }, "Things"), ` · ${document_.thingTemplate}`, document_.identifier ? ` · *${document_.identifier}` : "", isRemote ? [" · ", state] : "", document_.enabled === "true" ? "" : " · disabled", document_.description ? ` · ${document_.description}` : ""),
    h("div", { className: "tabs", role: "group", "aria-label": "Parts of the Thing" }, buttons), body);

  // MARK: Properties

  function propertiesPanel() {
    const canvas = h("canvas", { className: "chart", role: "img", "aria-label": "History of the property; drag to zoom, plus and minus and arrows by key, double click or Escape for all" });
    const caption = h("h2", {}, "History");
    const status = h("span", { className: "dim" });
    const chartPanel = h("div", { className: "panel", hidden: true }, h("div", { className: "row spread" }, caption, h("span", { className: "row" }, status, h("button", { className: "small", onclick: () => chart?.zoom(null) }, "All"))), canvas);
    async function openChart(property) {
      chart?.close();
      chartPanel.hidden = false;
      caption.textContent = `History of ${property.name}`;
      chart = new Chart(canvas, (span) => api.rows(api.onThing(name, "QueryChart", { propertyName: property.name, points: 600, startDate: span?.[0], endDate: span?.[1] })), (t) => { status.textContent = t; });
      chart.property = property.name;
      await chart.zoom(null);
    }
    const list = table([
      { title: "Property", width: "25%", cell: (p) => [h("strong", {}, p.name), p.description ? h("div", { className: "dim wide" }, p.description) : null] },
      { title: "Value", cell: (p) => cellOf(p, "value", "value") },
      { title: "Age", width: "74px", cell: (p) => cellOf(p, "age", "dim") },
      { title: "Quality", width: "94px", className: "wide", cell: (p) => cellOf(p, "quality", "") },
      { title: "Trend", width: "130px", className: "wide", cell: (p) => { const s = h("canvas", { className: "spark", "aria-hidden": "true" }); slot(p).spark = s; return s; } },
      { title: "Type", width: "104px", className: "wide", cell: (p) => [h("span", { className: "dim" }, p.baseType), p.remote ? h("span", { className: "tag" }, "edge") : null] },
      { title: "", width: "150px", cell: (p) => h("span", { className: "row" }, p.aspects.isLogged && isNumber(p.baseType) ? h("button", { className: "small", "aria-label": `History of ${p.name}`, onclick: () => openChart(p) }, "Chart") : null, h("button", { className: "small", "aria-label": `Write ${p.name}`, onclick: () => write(p) }, "Write")) },
    ], [...properties.values()].sort((a, b) => (a.name < b.name ? -1 : 1)), { fixed: true, empty: "No properties are defined. Manage defines them; Device takes over what the edge has.", name: "Properties" });
    const panel = h("div", {}, chartPanel, h("div", { className: "panel" }, list));
    requestAnimationFrame(() => { for (const property of properties.values()) draw(property); loadTrends(); });
    return panel;
  }

  const slot = (property) => rows.get(property.name) ?? rows.set(property.name, {}).get(property.name);
  function cellOf(property, key, className) {
    const cell = h("div", { className });
    slot(property)[key] = cell;
    return cell;
  }

  async function loadTrends() {
    const logged = [...properties.values()].filter((p) => p.aspects.isLogged && isNumber(p.baseType)).slice(0, 40);
    for (const property of logged) {
      const points = await api.rows(api.onThing(name, "QueryChart", { propertyName: property.name, points: mostKept, startDate: Date.now() - 3_600_000 })).catch(() => []);
      property.numbers = [...points.map((p) => p.average), ...property.numbers].slice(-mostKept);
      draw(property);
    }
  }

  function draw(property) {
    const cells = rows.get(property.name);
    if (!cells) return;
    if (cells.value) {
      const shown = text(property.value, property.baseType);
      if (cells.value.textContent !== shown) { cells.value.textContent = shown; cells.value.title = shown; }
    }
    if (cells.age) cells.age.textContent = age(property.time);
    if (cells.quality) { cells.quality.textContent = property.quality ?? ""; cells.quality.className = property.quality === "GOOD" ? "good" : property.quality === "UNKNOWN" ? "dim" : "warn"; }
    if (cells.spark?.isConnected) spark(cells.spark, property.numbers);
  }

  function write(property) {
    const given = window.prompt(`New value of ${property.name} (${property.baseType})`, typeof property.value === "object" ? JSON.stringify(property.value) : property.value ?? "");
    if (given === null) return;
    let value = given;
    if (["JSON", "INFOTABLE", "LOCATION", "QUERY"].includes(property.baseType)) { try { value = JSON.parse(given); } catch { return toast("That is no JSON", { error: true }); } }
    api.send("PUT", `${api.entity("Things", name)}/Properties/${encodeURIComponent(property.name)}`, { [property.name]: value })
      .then(() => toast(property.remote ? `${property.name} was written to the edge; it shows here when the edge pushes it` : `${property.name} is written`))
      .catch((error) => toast(error.message, { error: true }));
  }

  // MARK: Events, device, trying

  async function eventsPanel() {
    if (!events.length) for (const row of await api.rows(api.onThing(name, "QueryEvents", { maxItems: 200 }))) events.push({ time: row.timestamp, name: row.name, data: row.data });
    eventList = h("div");
    drawEvents();
    return h("div", { className: "panel" }, h("h2", {}, "Events as they happen"), eventList);
  }

  function drawEvents() {
    if (!eventList) return;
    replace(eventList, table([
      { title: "Time", width: "220px", cell: (e) => when(e.time) }, { title: "Event", width: "180px", cell: (e) => e.name },
      { title: "Data", cell: (e) => h("span", { className: "value" }, JSON.stringify(e.data)) },
    ], events.slice(0, 200), { fixed: true, empty: "Nothing has happened yet" }));
  }

  async function devicePanel() {
    const metadata = await api.onThing(name, "GetRemoteMetadata");
    const found = Object.values(metadata.propertyDefinitions ?? {});
    const sources = new Set(Object.values(remote).map((b) => b.sourceName));
    return h("div", {},
      h("div", { className: "panel" }, h("div", { className: "row spread" }, h("h2", {}, "Properties that the device says it has"),
        h("button", { className: "primary", onclick: async () => {
          const done = await api.rows(api.onThing(name, "BindRemoteMetadata"));
          toast(`${done.filter((d) => d.success).length} properties are bound`);
          window.dispatchEvent(new Event("hashchange"));
        } }, "Bind all of them")),
        table([
          { title: "Property", cell: (p) => p.name }, { title: "Type", cell: (p) => p.baseType }, { title: "Description", cell: (p) => p.description ?? "" },
          { title: "Here", cell: (p) => (sources.has(p.name) ? h("span", { className: "good" }, "bound") : h("button", { className: "small", onclick: async (e) => {
            await api.onThing(name, "BindRemoteMetadata", { propertyNames: { items: [p.name] } });
            replace(e.target.parentElement, h("span", { className: "good" }, "bound"));
          } }, `Bind`)) },
        ], found, { empty: "The device names no properties" })),
      h("div", { className: "panel" }, h("h2", {}, "Services of the device"), table([
        { title: "Service", cell: (s) => s.name }, { title: "Description", cell: (s) => s.description ?? "" },
        { title: "", cell: (s) => h("button", { className: "small", onclick: () => open("Services") }, "Call under Services") },
      ], Object.values(metadata.serviceDefinitions ?? {}), { empty: "The device names no services" })));
  }

  function tryPanel() {
    const which = h("select", {}, [...properties.values()].map((p) => h("option", { value: p.name }, p.name)));
    const value = h("input", { required: true });
    const quality = h("select", {}, ["GOOD", "BAD", "UNKNOWN", "OUT_OF_RANGE", "UNVERIFIED_SOURCE"].map((q) => h("option", {}, q)));
    const toggle = h("button", { type: "button", "aria-pressed": String(Boolean(drawing)), onclick: () => {
      if (drawing) { clearInterval(drawing); drawing = null; } else {
        drawing = setInterval(() => {
          const pushed = [...properties.values()].filter((p) => isNumber(p.baseType)).map((p) => {
            const last = typeof p.value === "number" ? p.value : 20;
            return { name: p.remote?.sourceName ?? p.name, baseType: p.baseType, value: p.baseType === "BOOLEAN" ? Math.random() > 0.2 : p.baseType === "INTEGER" ? Math.round(last) + 1 : Number((last + (Math.random() - 0.5) * 2).toFixed(2)) };
          });
          if (pushed.length) api.push(name, pushed).catch((error) => { clearInterval(drawing); drawing = null; toast(error.message, { error: true }); });
        }, 1000);
      }
      toggle.setAttribute("aria-pressed", String(Boolean(drawing)));
    } }, "Virtual device");
    return h("div", {},
      h("form", { className: "panel", onsubmit: async (event) => {
        event.preventDefault();
        const property = properties.get(which.value);
        let given = value.value;
        if (isNumber(property.baseType)) given = property.baseType === "BOOLEAN" ? given === "true" : Number(given);
        await api.push(name, [{ name: property.remote?.sourceName ?? property.name, baseType: property.baseType, value: given, quality: quality.value }]);
        toast("Pushed, as a device would");
      } }, h("h2", {}, "Set a value as if a device had sent it"), h("div", { className: "form" }, field("Property", which), field("Value", value), field("Quality", quality), h("button", { className: "primary" }, "Push"))),
      h("div", { className: "panel" }, h("h2", {}, "A device to play with"), h("p", { className: "dim" }, "Pushes a walk of all numbers and truth values of this Thing, once a second, for as long as this page is open."), toggle));
  }

  // MARK: Live

  open("Properties");
  const ticker = setInterval(() => { for (const property of properties.values()) { const cell = rows.get(property.name)?.age; if (cell) cell.textContent = age(property.time); } if (chart && !chart.span && !chart.drag) chart.reload(); }, 2000);
  const stop = api.follow({ kinds: "values,events", thing: name, interval: 100 }, (line) => {
    if (line.kind === "event") {
      events.unshift(line);
      events.length = Math.min(events.length, 200);
      if (line.name === "Bound" || line.name === "Unbound") setState(line.name === "Bound");
      return drawEvents();
    }
    if (line.kind !== "value") return;
    const property = properties.get(line.property);
    if (!property) return;
    Object.assign(property, { value: line.value, time: line.time, quality: line.quality });
    const number = typeof line.value === "boolean" ? Number(line.value) : line.value;
    if (typeof number === "number") property.numbers = [...property.numbers, number].slice(-mostKept);
    draw(property);
  });
  return () => { stop(); clearInterval(ticker); clearInterval(drawing); chart?.close(); };
}

async function servicesPanel(name) {
  const services = await api.rows(api.onThing(name, "GetServiceDefinitions"));
  return serviceForm("Things", name, services);
}
