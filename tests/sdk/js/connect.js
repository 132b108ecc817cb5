// Clients as a user makes them, over a fetch that counts the requests and can spoil them on the way.

import OpenAI from "openai";

export const MODEL = "gpt-4o-mini";
export const HELLO = [{ role: "user", content: "Hello, router!" }];
/** Routers that refuse everybody: name of the state → root URL (tests/sdk/states.py). */
export const STATES = Object.fromEntries(process.env.SDK_STATES.split("\n").map((line) => line.split(": listening on ")));

/** A fetch that keeps the heads of what it gets. `edit(url, init)` may change a request before it leaves: `[url, init]`. */
export function counted(edit) {
  const heads = [];
  return {
    heads,
    fetch: async (url, init) => {
      const answer = await fetch(...(edit ? edit(url, init) : [url, init]));
      heads.push({ status: answer.status, headers: answer.headers });
      return answer;
    },
  };
}

/** OpenAI's client, and the heads of what it got. */
export function connect({ key = "SDK_KEY", edit, ...options } = {}) {
  const wire = counted(edit);
  const client = new OpenAI({ apiKey: process.env[key] ?? key, baseURL: `${process.env.ROUTER_URL}/v1`, fetch: wire.fetch, ...options });
  return { client, wire };
}

/** An edit that adds headers. */
export const withHeaders = (more) => (url, init) => {
  const headers = new Headers(init.headers);
  for (const [name, value] of Object.entries(more)) headers.set(name, value);
  return [url, { ...init, headers }];
};

/** An edit that sends this body instead of what the SDK made. */
export const withBody = (body, more = {}) => (url, init) => withHeaders(more)(url, { ...init, body });

/** An edit that removes the credential. */
export const withoutKey = (url, init) => {
  const headers = new Headers(init.headers);
  for (const name of ["authorization", "x-api-key", "x-goog-api-key"]) headers.delete(name);
  return [url, { ...init, headers }];
};
