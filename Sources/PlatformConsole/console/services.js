import { h, replace, table, field, show as text } from "./dom.js";
import * as api from "./api.js";
import { Chart } from "./chart.js";

/// A form made from a service's definition, and its result as table, chart or JSON.
export function serviceForm(collection, name, services) {
  const sorted = services.toSorted((a, b) => (a.category === "Platform") - (b.category === "Platform") || (a.name < b.name ? -1 : 1));
  const search = h("input", { type: "search", "aria-label": "Search services", placeholder: "Search services", oninput: () => fill() });
  const which = h("select", { "aria-label": "Service", size: 12, className: "grow", onchange: () => open() });
  const form = h("div", { className: "grow" });
  function fill() {
    replace(which, sorted.filter((s) => s.name.toLowerCase().includes(search.value.toLowerCase())).map((s) => h("option", { value: s.name }, s.category === "Platform" ? s.name : `${s.name} · own`)));
  }
  fill();

  function open() {
    const service = services.find((s) => s.name === which.value);
    if (!service) return;
    const inputs = (service.parameterDefinitions?.rows ?? []).map((p) => ({ ...p, input: inputFor(p) }));
    const out = h("div");
    replace(form,
      h("form", { onsubmit: async (event) => {
        event.preventDefault();
        replace(out, h("p", { className: "dim" }, "Calling…"));
        try {
          const parameters = {};
          for (const p of inputs) {
            const value = read(p);
            if (value !== undefined) parameters[p.name] = value;
          }
          const began = performance.now();
          const answer = await api.call(collection, name, service.name, parameters);
          replace(out, h("p", { className: "dim" }, `Answered in ${Math.round(performance.now() - began)} ms`), resultView(answer));
        } catch (error) { replace(out, h("p", { className: "bad", role: "alert" }, error.message)); }
      } }, h("h2", {}, service.name), service.description ? h("p", { className: "dim" }, service.description) : null,
        inputs.length ? h("div", { className: "form" }, inputs.map((p) => field(p.name, p.input, p.baseType))) : null, h("button", { className: "primary" }, "Call")),
      out);
  }
  return h("div", { className: "panel row", style: undefined }, h("div", {}, search, h("div", {}, which)), form);
}

function inputFor(parameter) {
  switch (parameter.baseType) {
    case "BOOLEAN": return h("select", {}, h("option", { value: "" }, "–"), h("option", {}, "true"), h("option", {}, "false"));
    case "NUMBER": case "INTEGER": case "LONG": return h("input", { type: "number", step: "any" });
    case "DATETIME": return h("input", { type: "datetime-local", step: "0.001" });
    case "INFOTABLE": case "JSON": case "QUERY": case "LOCATION": return h("textarea", { spellcheck: "false", placeholder: parameter.baseType === "INFOTABLE" ? '{"rows": [{}]}' : "{}" });
    case "PASSWORD": return h("input", { type: "password", autocomplete: "off" });
    default: return h("input", {});
  }
}

function read(parameter) {
  const given = parameter.input.value;
  if (given === "") return undefined;
  switch (parameter.baseType) {
    case "BOOLEAN": return given === "true";
    case "NUMBER": case "INTEGER": case "LONG": return Number(given);
    case "DATETIME": return new Date(given).getTime();
    case "INFOTABLE": case "JSON": case "QUERY": case "LOCATION":
      try { return JSON.parse(given); } catch { throw new Error(`${parameter.name}: expected JSON`); }
    default: return given;
  }
}

export function resultView(answer) {
  if (answer === undefined) return h("p", { className: "good" }, "Done; the service returns nothing.");
  const json = () => h("pre", { tabindex: 0 }, JSON.stringify(answer, null, 2));
  if (!answer.rows) return json();
  const fields = Object.values(answer.dataShape?.fieldDefinitions ?? {}).sort((a, b) => a.ordinal - b.ordinal);
  const asTable = () => table(fields.map((f) => ({ title: f.name, cell: (row) => h("span", { className: "value" }, text(row[f.name]?.value ?? row[f.name], f.baseType)) })), answer.rows.slice(0, 1000), { empty: "No rows" });
  const time = fields.find((f) => f.baseType === "DATETIME"), numbers = fields.filter((f) => f.baseType === "NUMBER" || f.baseType === "INTEGER");
  const views = { Table: asTable, JSON: json };
  if (time && numbers.length && answer.rows.length > 1) views.Chart = () => chartOf(answer.rows, time.name, numbers[0].name);
  const box = h("div");
  const buttons = Object.keys(views).map((title) => h("button", { className: "small", "aria-pressed": "false", onclick: () => open(title) }, title));
  function open(title) {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.textContent === title));
    replace(box, views[title]());
  }
  open("Table");
  return h("div", {}, h("div", { className: "tabs", role: "group", "aria-label": "How the result is shown" }, buttons), box);
}

function chartOf(rows, time, number) {
  const canvas = h("canvas", { className: "chart", role: "img", "aria-label": `${number} over time` });
  const points = rows.filter((r) => typeof r[number] === "number").map((r) => ({ timestamp: r[time], count: 1, minimum: r[number], maximum: r[number], average: r[number] })).sort((a, b) => a.timestamp - b.timestamp);
  const chart = new Chart(canvas, async (span) => (span ? points.filter((p) => p.timestamp >= span[0] && p.timestamp <= span[1]) : points), () => {});
  requestAnimationFrame(() => chart.zoom(null));
  return canvas;
}
