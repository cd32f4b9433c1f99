import { h, replace, table, field, toast, when, confirmed } from "./dom.js";
import * as api from "./api.js";

const rights = ["read", "write", "invoke", "fire", "subscribe", "bind", "tunnel", "transfer", "create", "view", "update", "delete"];
const again = () => window.dispatchEvent(new Event("hashchange"));

/// Users, groups, rules, and why somebody may do something or not.
export async function show(page, { who }) {
  const [users, groups] = await Promise.all([api.rows(api.send("GET", "Users")), api.rows(api.send("GET", "Groups"))]);
  const documents = await Promise.all(users.map((u) => api.send("GET", api.entity("Users", u.name))));
  const members = await Promise.all(groups.map(async (g) => [g.name, await api.rows(api.call("Groups", g.name, "GetGroupMembers"))]));
  const parts = [usersPanel(documents, members), groupsPanel(members, users, groups)];
  if (who.administrator) parts.push(rulesPanel(await api.rows(api.call("Resources", "PermissionServices", "GetRules")), users, groups), whyPanel(users), auditPanel(await api.rows(api.call("Resources", "PermissionServices", "QueryAudit", { maxItems: 100 }))));
  replace(page, h("h1", {}, "Users, groups and rights"), h("p", { className: "sub" }, "Nobody may do what no rule allows; what one rule refuses, no other allows."), parts);
}

function usersPanel(users, members) {
  const name = h("input", { required: true, autocomplete: "off" }), password = h("input", { type: "password", autocomplete: "new-password" });
  return h("div", { className: "panel" }, h("h2", {}, "Users"), table([
    { title: "User", cell: (u) => h("strong", {}, u.name) }, { title: "Groups", cell: (u) => members.filter(([, list]) => list.some((m) => m.name === u.name && m.type === "User")).map(([g]) => h("span", { className: "tag" }, g)) },
    { title: "State", cell: (u) => (u.enabled && !u.locked ? h("span", { className: "good" }, "enabled") : h("span", { className: "bad" }, u.locked ? "locked" : "disabled")) },
    { title: "", cell: (u) => h("span", { className: "row" },
      h("button", { className: "small", onclick: async () => { const p = window.prompt(`New password of ${u.name}, at least 8 characters`); if (!p) return; await api.call("Users", u.name, "AssignNewPassword", { newPassword: p, newPasswordConfirm: p }); toast("The password is set"); } }, "Password"),
      h("button", { className: "small", onclick: async () => { await api.call("Users", u.name, u.enabled ? "DisableUser" : "EnableUser"); again(); } }, u.enabled ? "Disable" : "Enable"),
      h("button", { className: "small danger", onclick: async () => { if (confirmed(`Delete ${u.name}, with keys and rules?`)) { await api.call("Resources", "EntityServices", "DeleteUser", { name: u.name }); again(); } } }, "Delete")) },
  ], users, { name: "Users" }), h("form", { className: "form", onsubmit: async (e) => { e.preventDefault(); await api.call("Resources", "EntityServices", "CreateUser", { name: name.value, password: password.value || undefined }); again(); } },
    field("New user", name), field("Password", password, "none: keys alone"), h("button", { className: "primary" }, "Add")));
}

function groupsPanel(members, users, groups) {
  const name = h("input", { required: true }), group = h("select", {}, groups.map((g) => h("option", {}, g.name))), user = h("select", {}, users.map((u) => h("option", {}, u.name)));
  return h("div", { className: "panel" }, h("h2", {}, "Groups"), table([
    { title: "Group", cell: ([g]) => h("strong", {}, g) },
    { title: "Members", cell: ([g, list]) => list.map((m) => h("span", { className: "tag" }, m.name, " ", h("button", { className: "small", "aria-label": `Remove ${m.name} from ${g}`, onclick: async () => { await api.call("Groups", g, "DeleteMember", { member: m.name, type: m.type }); again(); } }, "×"))) },
  ], members, { name: "Groups" }), h("form", { className: "form", onsubmit: async (e) => { e.preventDefault(); await api.call("Groups", group.value, "AddMember", { member: user.value, type: "User" }); again(); } }, field("Group", group), field("User", user), h("button", {}, "Add to the group")),
    h("form", { className: "form", onsubmit: async (e) => { e.preventDefault(); await api.call("Resources", "EntityServices", "CreateGroup", { name: name.value }); again(); } }, field("New group", name), h("button", { className: "primary" }, "Add")));
}

function rulesPanel(rules, users, groups) {
  const principal = h("select", {}, groups.map((g) => h("option", { value: `Group/${g.name}` }, `group ${g.name}`)), users.map((u) => h("option", { value: `User/${u.name}` }, `user ${u.name}`)));
  const entities = h("input", { required: true, placeholder: "Line4-*, Press-12" }), resource = h("input", { value: "*" }), allow = h("select", {}, h("option", { value: "true" }, "may"), h("option", { value: "false" }, "may not"));
  const collection = h("select", {}, ["Things", "ThingTemplates", "ThingShapes", "DataShapes", "Users", "Groups", "ApplicationKeys", "*"].map((c) => h("option", {}, c)));
  const boxes = rights.map((r) => h("input", { type: "checkbox", value: r }));
  return h("div", { className: "panel" }, h("h2", {}, "Rules"), table([
    { title: "Who", cell: (r) => `${r.principalType.toLowerCase()} ${r.principal}` }, { title: "", label: "Whether", cell: (r) => (r.allow ? "may" : h("span", { className: "bad" }, "may not")) }, { title: "What", cell: (r) => r.rights }, { title: "Of", className: "wide", cell: (r) => r.resource },
    { title: "On", cell: (r) => `${r.collection} ${r.entities}${r.instances ? " (Things made from it)" : ""}` }, { title: "", cell: (r) => h("button", { className: "small danger", "aria-label": `Delete rule ${r.number}`, onclick: async () => { await api.call("Resources", "PermissionServices", "DeleteRule", { number: r.number }); again(); } }, "Delete") },
  ], rules, { empty: "No rules: only administrators may do anything", name: "Access rules" }), h("form", { onsubmit: async (e) => {
    e.preventDefault();
    const [type, ...name] = principal.value.split("/");
    await api.call("Resources", "PermissionServices", "AddRule", { principal: name.join("/"), principalType: type, collection: collection.value, entities: entities.value, resource: resource.value || "*", rights: boxes.filter((b) => b.checked).map((b) => b.value).join(","), allow: allow.value === "true" });
    again();
  } }, h("div", { className: "form" }, field("Who", principal), field("May or may not", allow), field("Collection", collection), field("Names, * for any run", entities), field("Property, service or event", resource)), h("div", { className: "row" }, boxes.map((b) => h("label", {}, b, " ", b.value))), h("p", {}, h("button", { className: "primary" }, "Add the rule"))));
}

function whyPanel(users) {
  const user = h("select", {}, users.map((u) => h("option", {}, u.name))), right = h("select", {}, rights.map((r) => h("option", {}, r))), entity = h("input", { required: true }), resource = h("input", {}), answer = h("p", { role: "status" });
  return h("form", { className: "panel", onsubmit: async (e) => {
    e.preventDefault();
    const found = await api.call("Resources", "PermissionServices", "Explain", { user: user.value, right: right.value, entity: entity.value, resource: resource.value || undefined });
    replace(answer, h("strong", { className: found.allowed ? "good" : "bad" }, found.allowed ? "Yes" : "No"), `: ${found.why}`);
  } }, h("h2", {}, "May X do Y?"), h("div", { className: "form" }, field("User", user), field("Right", right), field("Thing", entity), field("Property, service or event", resource), h("button", { className: "primary" }, "Ask")), answer);
}

function auditPanel(rows) {
  return h("div", { className: "panel" }, h("h2", {}, "What happened last"), table([
    { title: "Time", width: "210px", cell: (r) => when(r.timestamp) }, { title: "What", width: "170px", cell: (r) => r.name }, { title: "Thing", width: "150px", className: "wide", cell: (r) => r.source }, { title: "Data", cell: (r) => h("span", { className: "value" }, JSON.stringify(r.data)) },
  ], rows, { fixed: true, name: "Audit" }));
}
