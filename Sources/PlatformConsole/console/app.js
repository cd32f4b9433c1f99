import { h, replace, toast } from "./dom.js";
import * as api from "./api.js";

const views = {
  things: { title: "Things", load: () => import("./things.js") },
  thing: { load: () => import("./thing.js"), under: "things" },
  unclaimed: { title: "Unclaimed", load: () => import("./unclaimed.js") },
  gateways: { title: "Gateways", load: () => import("./gateways.js") },
  keys: { title: "Keys", load: () => import("./keys.js") },
  people: { title: "People", load: () => import("./people.js") },
  trace: { title: "Trace", load: () => import("./trace.js") },
};

let who = null;
let leave = () => {};
let shown = 0;

function theme() {
  const known = localStorage.getItem("theme");
  if (known) document.documentElement.dataset.theme = known;
  return h("button", {
    className: "small", "aria-label": "Change between light and dark",
    onclick: () => {
      const isDark = document.documentElement.dataset.theme === "dark" || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
      document.documentElement.dataset.theme = isDark ? "light" : "dark";
      localStorage.setItem("theme", document.documentElement.dataset.theme);
      window.dispatchEvent(new Event("resize"));
    },
  }, "◐");
}

function head(current) {
  const link = ([name, view]) => view.title && h("a", { href: `#/${name}`, "aria-current": name === current ? "page" : undefined }, view.title);
  replace(document.getElementById("top"), h("div", { className: "bar" },
    h("a", { className: "brand", href: "#/things" }, "thingplatform"),
    h("nav", { "aria-label": "Main" }, Object.entries(views).map(link)),
    h("span", { className: "who" }, who.user, theme(),
      h("button", { className: "small", onclick: async () => { await api.signOut().catch(() => {}); who = null; show(); } }, "Sign out"))));
}

function signInPage(text) {
  leave();
  leave = () => {};
  document.title = "Sign in · thingplatform";
  document.getElementById("top").replaceChildren();
  const message = h("p", { className: "bad", role: "alert" }, text ?? "");
  const user = h("input", { name: "user", autocomplete: "username", required: true });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const form = h("form", {
    className: "panel signin",
    onsubmit: async (event) => {
      event.preventDefault();
      try {
        who = await api.signIn({ user: user.value, password: password.value });
        show();
      } catch (error) {
        message.textContent = error.message;
        password.select();
      }
    },
  }, h("h1", {}, "thingplatform"), h("p", { className: "sub" }, "Sign in with a user of this platform."),
    h("div", { className: "form" },
      h("label", { className: "field" }, "User", user), h("label", { className: "field" }, "Password", password)),
    message, h("button", { className: "primary" }, "Sign in"));
  replace(document.getElementById("main"), form);
  user.focus();
}

async function show() {
  const number = ++shown;
  leave();
  leave = () => {};
  if (!who) return signInPage();
  const [name = "things", ...rest] = location.hash.replace(/^#\//, "").split("/").filter(Boolean);
  const view = views[rest.length && name === "things" ? "thing" : name] ?? views.things;
  head(view.under ?? (views[name] ? name : "things"));
  const main = document.getElementById("main");
  try {
    const module = await view.load();
    if (number !== shown) return;
    const page = h("div");
    replace(main, page);
    document.title = `${view.title ?? decodeURIComponent(rest.join("/"))} · thingplatform`;
    const ended = await module.show(page, { who, argument: rest.length ? decodeURIComponent(rest.join("/")) : undefined });
    if (number === shown) leave = ended ?? (() => {}); else ended?.();
  } catch (error) {
    if (number === shown && who) replace(main, h("div", { className: "panel" }, h("h1", {}, "This cannot be shown"), h("p", { className: "bad", role: "alert" }, error.message)));
  }
}

async function start() {
  theme();
  api.onSignedOut(() => { who = null; signInPage("The session has ended: sign in again."); });
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    history.replaceState(null, "", location.pathname);
    try { who = await api.signIn({ token }); } catch (error) { return signInPage(error.message); }
  } else {
    who = await api.whoAmI().catch(() => null);
  }
  await show();
  document.documentElement.dataset.ready = "true";
}

// A link that signs in may come into a page that is open already.
window.addEventListener("hashchange", () => (location.hash.startsWith("#token=") ? start() : show()));
window.addEventListener("unhandledrejection", (event) => { toast(event.reason?.message ?? String(event.reason), { error: true }); event.preventDefault(); });
start();
