// The platform's REST interface, with the session's cookie.
export class Failure extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

let signedOut = () => {};
export function onSignedOut(action) { signedOut = action; }

export async function send(method, path, body) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(`/Thingworx/${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: "same-origin" });
  } catch {
    throw new Failure(0, "The platform does not answer");
  }
  const text = await response.text();
  let json;
  try { json = text ? JSON.parse(text) : undefined; } catch { json = undefined; }
  if (response.ok) return json;
  if (response.status === 401 && path !== "Sessions") signedOut();
  throw new Failure(response.status, json?.message ?? text.trim() ?? `status ${response.status}`);
}

const name = encodeURIComponent;
export const entity = (collection, item) => `${collection}/${name(item)}`;
export const call = (collection, item, service, parameters) => send("POST", `${entity(collection, item)}/Services/${name(service)}`, parameters ?? {});
export const onThing = (thing, service, parameters) => call("Things", thing, service, parameters);
export const rows = async (promise) => (await promise)?.rows ?? [];
export const result = async (promise) => (await promise)?.rows?.[0]?.result;

export const signIn = (body) => send("POST", "Sessions", body);
export const whoAmI = () => send("GET", "Sessions");
export const signOut = () => send("DELETE", "Sessions");

/// What happens, as it happens: an EventSource that comes back by itself.
export function follow(query, onLine, onState = () => {}) {
  const source = new EventSource(`/Thingworx/Feed?${new URLSearchParams(query)}`);
  source.onmessage = (event) => onLine(JSON.parse(event.data));
  source.onopen = () => onState(true);
  source.onerror = () => onState(false);
  return () => source.close();
}

/// Values as an edge pushes them.
export const push = (thing, values) => onThing(thing, "UpdateSubscribedPropertyValues", {
  values: {
    dataShape: {
      fieldDefinitions: {
        name: { name: "name", baseType: "STRING", ordinal: 0 }, value: { name: "value", baseType: "VARIANT", ordinal: 1 },
        time: { name: "time", baseType: "DATETIME", ordinal: 2 }, quality: { name: "quality", baseType: "STRING", ordinal: 3 },
      },
    },
    rows: values.map((value) => ({ name: value.name, value: { baseType: value.baseType, value: value.value }, time: Date.now(), quality: value.quality ?? "GOOD" })),
  },
});
