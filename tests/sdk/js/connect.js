// Clients as a user makes them, over a fetch that counts the requests and can spoil them on the way.

import OpenAI from "openai";

export const MODEL = "gpt-4o-mini";
export const HELLO = [{ role: "user", content: "Hello, router!" }];

/** A client and the count of what it sent. `edit(init)` may change a request before it leaves. */
export function connect({ key = "SDK_KEY", edit, ...options } = {}) {
  const wire = { sent: 0 };
  const client = new OpenAI({
    apiKey: process.env[key] ?? key,
    baseURL: `${process.env.ROUTER_URL}/v1`,
    fetch: (url, init) => {
      wire.sent += 1;
      return fetch(url, edit ? edit(init) : init);
    },
    ...options,
  });
  return { client, wire };
}

/** An edit that sends this body instead of what the SDK made. */
export const withBody = (body, headers = {}) => (init) => {
  const all = new Headers(init.headers);
  for (const [name, value] of Object.entries(headers)) all.set(name, value);
  return { ...init, body, headers: all };
};

/** An edit that removes the credential. */
export const withoutKey = (init) => {
  const headers = new Headers(init.headers);
  headers.delete("authorization");
  return { ...init, headers };
};
