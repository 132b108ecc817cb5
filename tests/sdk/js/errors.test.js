// What OpenAI's SDK shows of an error beside what every SDK does (see refusals.test.js): class, code, parameter, what comes next.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { HELLO, MODEL, connect } from "./connect.js";

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

function check(error, status, code, shouldRetry) {
  assert.equal(error.status, status);
  assert.equal(error.code, code);
  assert.ok(error.message && error.type);
  assert.equal(error.headers.get("x-should-retry"), String(shouldRetry));
  assert.equal(error.headers.get("x-request-id"), error.requestID);
}

for (const [model, key, exception, status, code, type] of [
  [MODEL, "no-such-form", OpenAI.AuthenticationError, 401, "invalid_api_key", "authentication_error"],
  [MODEL, "SDK_KEY_POOR", OpenAI.APIError, 402, "insufficient_quota", "insufficient_quota"],
  [MODEL, "SDK_KEY_ELSEWHERE", OpenAI.PermissionDeniedError, 403, "ip_not_allowed", "permission_error"],
  ["no-such-model", "SDK_KEY", OpenAI.NotFoundError, 404, "model_not_found", "invalid_request_error"],
  ["auto:nobody", "SDK_KEY", OpenAI.InternalServerError, 503, "no_channel_available", "server_error"],
]) {
  test(`${status} ${code}: class and type`, async () => {
    const error = await fail(connect({ key }), exception, { model });
    check(error, status, code, false);
    assert.equal(error.type, type);
  });
}

test("400 in the provider's own words", async () => {
  const error = await fail(connect(), OpenAI.BadRequestError, { model: "sim-bad-value", temperature: 3 });
  assert.deepEqual([error.status, error.code, error.param], [400, "invalid_type", "temperature"]);
  assert.match(error.message, /between 0 and 2/);
});

test("429 tells how long to wait", async () => {
  const error = await fail(connect({ maxRetries: 0 }), OpenAI.RateLimitError, { model: "sim-status-429" });
  check(error, 429, "rate_limit_exceeded", true);
  const wait = Number(error.headers.get("retry-after"));
  assert.ok(Number.isInteger(wait) && wait >= 1 && wait <= 60);
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

test("an error before the first token of a stream is an exception too", async () => {
  const error = await fail(connect(), OpenAI.BadRequestError, { model: "sim-context-length", stream: true });
  check(error, 400, "context_length_exceeded", false);
});
