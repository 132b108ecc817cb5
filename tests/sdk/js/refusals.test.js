// Every refusal of the contract, in every SDK: the right status and class, and as many requests as make sense. One table for all
// SDKs; the words of each dialect are tested in Python (tests/sdk/python/test_refusals.py).

import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { ApiError, GoogleGenAI } from "@google/genai";
import OpenAI from "openai";
import { HELLO, MODEL, STATES, counted, withBody, withHeaders, withoutKey } from "./connect.js";

const ROOT = process.env.ROUTER_URL;
const SCHEMA = { type: "object", properties: { a: { type: "string" } }, required: ["a"], additionalProperties: false };

const gpt = (root, apiKey, fetch) => new OpenAI({ apiKey, fetch, baseURL: `${root}/v1` });

/**
 * `client(root, key, fetch)`, `ask(client, model)`; `error`: the class of what it throws; `patience`: requests for one call, where asking
 * again makes sense; `schema`: what asks for JSON after a schema, for a model that cannot.
 */
const SDKS = {
  chat: {
    client: gpt,
    ask: (client, model) => client.chat.completions.create({ model, messages: HELLO }),
    error: OpenAI.APIError,
    patience: 3,
    schema: { response_format: { type: "json_schema", json_schema: { name: "x", schema: SCHEMA } } },
  },
  responses: {
    client: gpt,
    ask: (client, model) => client.responses.create({ model, input: "Hello" }),
    error: OpenAI.APIError,
    patience: 3,
    schema: { text: { format: { type: "json_schema", name: "x", schema: SCHEMA } } },
  },
  anthropic: {
    client: (root, apiKey, fetch) => new Anthropic({ apiKey, fetch, baseURL: root }),
    ask: (client, model) => client.messages.create({ model, max_tokens: 16, messages: HELLO }),
    error: Anthropic.APIError,
    patience: 3,
    schema: { output_config: { format: { type: "json_schema", schema: SCHEMA } } },
  },
  gemini: {
    client: (root, apiKey, fetch) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: root, apiVersion: "v1beta", fetch } }),
    ask: (client, model) => client.models.generateContent({ model, contents: "Hello" }),
    error: ApiError,
    patience: 1,
    schema: { generationConfig: { responseMimeType: "application/json", responseJsonSchema: SCHEMA } },
  },
};

/** Asks for a path that is not there. */
const elsewhere = (url, init) => [`${String(url).split(/\/models|\?/)[0]}/no/where`, init];
/** Adds to the body. */
const withMembers = (members) => (url, init) => [url, { ...init, body: JSON.stringify({ ...JSON.parse(init.body), ...members }) }];

// name, statuses, codes, and how to get it; `again`: whether waiting helps; `state`: of a router that refuses everybody (tests/sdk/states.py);
// `before`: headers of a request that goes before it.
const CASES = [
  ["no JSON", [400], ["invalid_json"], { edit: withBody('{"model": "gpt-4o-mini", ') }],
  ["nothing in it", [400], ["missing_required_parameter"], { edit: withBody("{}") }],
  ["a key twice", [400], ["duplicate_key"], { edit: withBody('{"x": 1, "x": 2}') }],
  ["too deep", [400], ["json_too_deep"], { edit: withBody(`{"x": ${"[".repeat(200)}${"]".repeat(200)}}`) }],
  ["a header that makes no sense", [400], ["invalid_value"], { edit: withHeaders({ "x-router-max-cost": "much" }) }],
  ["two keys", [400], ["ambiguous_credentials"], { edit: withHeaders({ "api-key": "sk-router-another" }) }],
  ["too long", [400], ["context_length_exceeded"], { model: "sim-context-length" }],
  ["a parameter that no candidate has", [400], ["unsupported_parameter"], { model: "sim-status-500", edit: "schema" }],
  ["the provider's content policy", [400], ["content_policy"], { model: "sim-content-policy" }],
  ["the provider's own words", [400], ["invalid_value"], { model: "sim-bad-value" }],
  ["no key", [401], ["missing_api_key"], { edit: withoutKey }],
  ["an unknown key", [401], ["invalid_api_key"], { key: "sk-router-unknown-key-00000000000000000000" }],
  ["a malformed key", [401], ["invalid_api_key"], { key: "no-such-form" }],
  ["an expired key", [401], ["key_expired"], { key: "SDK_KEY_EXPIRED" }],
  ["a spent budget", [402], ["budget_exceeded"], { key: "SDK_KEY_POOR" }],
  ["another address", [403], ["ip_not_allowed"], { key: "SDK_KEY_ELSEWHERE" }],
  ["an unknown model", [404], ["model_not_found"], { model: "no-such-model" }],
  ["a model that is not for this key", [404], ["model_not_found"], { key: "SDK_KEY_NARROW", model: "via-chat" }],
  ["an unknown path", [404], ["not_found"], { edit: elsewhere }],
  ["a body that does not come", [408], ["request_timeout"], { again: true, state: "request_timeout" }],
  ["a body that is too large", [413], ["request_too_large"], { edit: withBody(" ".repeat(1024 * 1024 + 1)) }],
  ["a form", [415], ["unsupported_media_type"], { edit: withBody("a=b", { "content-type": "application/x-www-form-urlencoded" }) }],
  ["another body under the same name", [422], ["idempotency_mismatch"], { edit: withHeaders({ "idempotency-key": "sdk" }), before: { "idempotency-key": "sdk" } }],
  ["headers that are too large", [431], ["headers_too_large"], { edit: withHeaders({ "x-note": "x".repeat(17_000) }) }],
  ["the key's own limit", [429], ["rate_limit_exceeded"], { again: true, key: "SDK_KEY_LIMITED", before: {} }],
  ["every candidate at its limit", [429], ["rate_limit_exceeded"], { again: true, model: "sim-status-429" }],
  ["an empty answer", [502, 503], ["upstream_bad_response", "no_channel_available"], { again: true, model: "sim-empty" }],
  ["a provider that is not there", [502, 503], ["upstream_error", "no_channel_available"], { again: true, model: "sim-dead" }],
  ["a failing provider", [502, 503], ["upstream_error", "no_channel_available"], { again: true, model: "sim-status-500" }],
  ["nobody who could ever", [503], ["no_channel_available"], { model: "auto:nobody" }],
  ["too many at once", [503], ["overloaded"], { again: true, state: "overloaded" }],
  ["books that cannot be written", [503], ["accounting_unavailable"], { again: true, state: "accounting_unavailable" }],
  ["a router that starts", [503], ["starting"], { again: true, state: "starting" }],
  ["a router that ends", [503], ["shutting_down"], { again: true, state: "shutting_down" }],
  ["a channel that leads back", [508], ["loop_detected"], { state: "loop_detected" }],
  ["a provider that does not answer", [504, 503], ["upstream_timeout", "no_channel_available"], { again: true, model: "sim-hang" }],
];

/** The waits between requests, taken down instead of waited for: what the SDKs' own `sleep` asks for; other timers stay. */
function takeNaps(context) {
  const naps = [];
  const wait = globalThis.setTimeout;
  context.mock.method(globalThis, "setTimeout", (done, ms, ...more) => {
    const nap = new Error().stack.includes("/sleep.");
    if (nap) naps.push(ms);
    return wait(done, nap ? 0 : ms, ...more);
  });
  return naps;
}

for (const [sdkName, sdk] of Object.entries(SDKS)) {
  for (const [name, statuses, codes, { again = false, key = "SDK_KEY", model = MODEL, edit, state, before }] of CASES) {
    test(`${sdkName}: ${name}`, async (context) => {
      const secret = process.env[key] ?? key;
      if (before) {
        // Perhaps another SDK has had it.
        const headers = { authorization: `Bearer ${secret}`, "content-type": "application/json", ...before };
        const body = JSON.stringify({ model: MODEL, messages: HELLO, temperature: 0.5 });
        await fetch(`${ROOT}/v1/chat/completions`, { method: "POST", headers, body });
      }
      const wire = counted(edit === "schema" ? withMembers(sdk.schema) : edit);
      const naps = takeNaps(context);
      const error = await sdk.ask(sdk.client(state ? STATES[state] : ROOT, secret, wire.fetch), model).then(() => assert.fail("no error was raised"), (raised) => raised);
      assert.ok(error instanceof sdk.error, String(error));
      assert.equal(error.status, wire.heads.at(-1).status);
      assert.ok(!String(error).includes(secret) && !/upstream-key|127\.0\.0\.1/.test(String(error)), String(error));
      const expected = sdkName === "responses" && codes[0] === "budget_exceeded" ? [429] : statuses;
      for (const { status, headers } of wire.heads) {
        assert.ok(expected.includes(status), String(status));
        assert.ok(codes.includes(headers.get("x-router-error")), headers.get("x-router-error"));
        assert.equal(headers.get("x-should-retry"), String(again));
        assert.ok(headers.get("x-request-id"));
      }
      assert.equal(wire.heads.length, again ? sdk.patience : 1);
      assert.equal(naps.length, wire.heads.length - 1);
      // As long as the router said, where it said so.
      naps.forEach((nap, index) => assert.ok(nap >= 1000 * Number(wire.heads[index].headers.get("retry-after") ?? 0)));
    });
  }
}
