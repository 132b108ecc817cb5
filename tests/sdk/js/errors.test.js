// Every error of the contract raises the SDK's right exception, and the SDK sends as many requests as make sense.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { HELLO, MODEL, connect, withBody, withoutKey } from "./connect.js";

/** Ask for a chat answer; the error that comes instead, which must be exactly of this class. */
async function fail({ client }, exception, request = {}, options = {}) {
  try {
    await client.chat.completions.create({ model: MODEL, messages: HELLO, ...request }, options);
  } catch (error) {
    assert.equal(error.constructor, exception, String(error));
    return error;
  }
  assert.fail("no error was raised");
}

function check(error, status, code, shouldRetry, routerError = code) {
  assert.equal(error.status, status);
  assert.equal(error.code, code);
  assert.ok(error.message && error.type);
  assert.equal(error.headers.get("x-router-error"), routerError);
  assert.equal(error.headers.get("x-should-retry"), String(shouldRetry));
  assert.equal(error.headers.get("x-request-id"), error.requestID);
  // Nothing of what lies behind the router.
  assert.doesNotMatch(String(error), /upstream-key|127\.0\.0\.1/);
}

for (const [body, code] of [
  ['{"model": "gpt-4o-mini", "messages": [', "invalid_json"],
  ['{"model": "gpt-4o-mini"}', "missing_required_parameter"],
  ['{"model": "gpt-4o-mini", "model": "gpt-4o", "messages": []}', "duplicate_key"],
]) {
  test(`400 ${code}`, async () => {
    const connection = connect({ edit: withBody(body) });
    check(await fail(connection, OpenAI.BadRequestError), 400, code, false);
    assert.equal(connection.wire.sent, 1);
  });
}

test("400 context_length_exceeded", async () => {
  const connection = connect();
  check(await fail(connection, OpenAI.BadRequestError, { model: "sim-context-length" }), 400, "context_length_exceeded", false);
  assert.equal(connection.wire.sent, 1);
});

test("400 in the provider's own words", async () => {
  const connection = connect();
  const error = await fail(connection, OpenAI.BadRequestError, { model: "sim-bad-value", temperature: 3 });
  assert.deepEqual([error.status, error.code, error.param], [400, "invalid_type", "temperature"]);
  assert.match(error.message, /between 0 and 2/);
  assert.equal(error.headers.get("x-router-error"), "invalid_value");
  assert.equal(connection.wire.sent, 1);
});

for (const [name, options, code] of [
  ["missing", { edit: withoutKey }, "missing_api_key"],
  ["unknown", { key: "sk-router-unknown-key-00000000000000000000" }, "invalid_api_key"],
  ["malformed", { key: "no-such-form" }, "invalid_api_key"],
  ["expired", { key: "SDK_KEY_EXPIRED" }, "key_expired"],
]) {
  test(`401 ${name} key`, async () => {
    const connection = connect(options);
    check(await fail(connection, OpenAI.AuthenticationError), 401, code, false);
    assert.equal(connection.wire.sent, 1);
  });
}

test("402 budget exceeded", async () => {
  const connection = connect({ key: "SDK_KEY_POOR" });
  const error = await fail(connection, OpenAI.APIError);
  check(error, 402, "insufficient_quota", false, "budget_exceeded");
  assert.equal(error.type, "insufficient_quota");
  assert.equal(connection.wire.sent, 1);
});

test("403 ip not allowed", async () => {
  const connection = connect({ key: "SDK_KEY_ELSEWHERE" });
  check(await fail(connection, OpenAI.PermissionDeniedError), 403, "ip_not_allowed", false);
  assert.equal(connection.wire.sent, 1);
});

test("404 model not found", async () => {
  const connection = connect();
  check(await fail(connection, OpenAI.NotFoundError, { model: "no-such-model" }), 404, "model_not_found", false);
  assert.equal(connection.wire.sent, 1);
});

test("413 request too large", async () => {
  const connection = connect();
  const messages = [{ role: "user", content: "x".repeat(1024 * 1024 + 1) }];
  check(await fail(connection, OpenAI.APIError, { messages }), 413, "request_too_large", false);
  assert.equal(connection.wire.sent, 1);
});

test("415 unsupported media type", async () => {
  const connection = connect({ edit: withBody("model=x", { "content-type": "application/x-www-form-urlencoded" }) });
  check(await fail(connection, OpenAI.APIError), 415, "unsupported_media_type", false);
  assert.equal(connection.wire.sent, 1);
});

test("429 the key's own rate limit", async () => {
  const connection = connect({ key: "SDK_KEY_LIMITED", maxRetries: 0 });
  await connection.client.chat.completions.create({ model: MODEL, messages: HELLO });
  const error = await fail(connection, OpenAI.RateLimitError);
  check(error, 429, "rate_limit_exceeded", true);
  const wait = Number(error.headers.get("retry-after"));
  assert.ok(Number.isInteger(wait) && wait >= 1 && wait <= 60);
});

test("429 every candidate is rate limited", async () => {
  const error = await fail(connect({ maxRetries: 0 }), OpenAI.RateLimitError, { model: "sim-status-429" });
  check(error, 429, "rate_limit_exceeded", true);
});

test("503 without hope is not tried again", async () => {
  const connection = connect();
  check(await fail(connection, OpenAI.InternalServerError, { model: "auto:nobody" }), 503, "no_channel_available", false);
  assert.equal(connection.wire.sent, 1);
});

test("502, then 503 while the channel stays away", async () => {
  const connection = connect({ maxRetries: 0 });
  const statuses = [];
  let error;
  while (statuses.length < 10 && error?.status !== 503) {
    error = await fail(connection, OpenAI.InternalServerError, { model: "sim-status-500" });
    statuses.push(error.status);
  }
  assert.equal(statuses[0], 502);
  check(error, 503, "no_channel_available", true);
  assert.ok(Number(error.headers.get("retry-after")) >= 1);
});

test("502 is tried again, as the SDK does by default", async () => {
  const connection = connect();
  const error = await fail(connection, OpenAI.InternalServerError, { model: "sim-dead" });
  assert.ok(error.status === 502 || error.status === 503);
  assert.equal(connection.wire.sent, 3);
});

test("504 upstream timeout", async () => {
  check(await fail(connect({ maxRetries: 0 }), OpenAI.InternalServerError, { model: "sim-hang" }), 504, "upstream_timeout", true);
});

test("an error before the first token of a stream is an exception too", async () => {
  const error = await fail(connect(), OpenAI.BadRequestError, { model: "sim-context-length", stream: true });
  check(error, 400, "context_length_exceeded", false);
});
