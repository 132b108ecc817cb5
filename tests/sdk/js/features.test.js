// What applications do with the SDK, through the router: every answer must look as OpenAI's own would.

import assert from "node:assert/strict";
import { test } from "node:test";
import { HELLO, MODEL, connect } from "./connect.js";

const { client } = connect();
const object = (properties) => ({ type: "object", properties, required: Object.keys(properties), additionalProperties: false });
const WEATHER = { type: "function", function: { name: "get_weather", parameters: object({ city: { type: "string" } }), strict: true } };
const TIME = { type: "function", function: { name: "get_time", parameters: object({ zone: { type: "string" } }), strict: true } };
// A PNG of one pixel.
const PIXEL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

test("chat", async () => {
  const answer = await client.chat.completions.create({ model: MODEL, messages: HELLO });
  assert.equal(answer.object, "chat.completion");
  assert.match(answer.choices[0].message.content, /Hello, router!/);
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

test("response headers name the route and the cost", async () => {
  const { data, response } = await client.chat.completions
    .create({ model: "auto:sdk", messages: HELLO }, { headers: { "x-request-id": "sdk-test-js" } })
    .withResponse();
  assert.ok(data.choices[0].message.content);
  assert.equal(data._request_id, "sdk-test-js");
  const header = (name) => response.headers.get(name);
  assert.equal(header("x-router-group"), "auto:sdk");
  assert.equal(header("x-router-channel"), "sim-main");
  assert.equal(header("x-router-model"), MODEL);
  assert.equal(header("x-router-attempts"), "1");
  const expected = (data.usage.prompt_tokens * 0.15 + data.usage.completion_tokens * 0.6) / 1e6;
  assert.ok(Math.abs(Number(header("x-router-cost")) - expected) < 1e-9, `${header("x-router-cost")} is not ${expected}`);
});

test("failover is one good answer", async () => {
  const { data, response } = await client.chat.completions.create({ model: "auto:failover", messages: HELLO }).withResponse();
  assert.match(data.choices[0].message.content, /Hello, router!/);
  assert.equal(response.headers.get("x-router-attempts"), "2");
});

test("stream", async () => {
  const chunks = [];
  for await (const chunk of await client.chat.completions.create({ model: MODEL, messages: HELLO, stream: true })) chunks.push(chunk);
  assert.match(chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join(""), /Hello, router!/);
  assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
  // The router asks the provider for usage; who did not ask must not see it.
  assert.ok(chunks.every((chunk) => chunk.choices.length === 1 && chunk.usage == null));
});

test("stream with usage", async () => {
  const chunks = [];
  const options = { model: MODEL, messages: HELLO, stream: true, stream_options: { include_usage: true } };
  for await (const chunk of await client.chat.completions.create(options)) chunks.push(chunk);
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.equal(chunks.filter((chunk) => chunk.usage != null).length, 1);
  assert.ok(chunks.at(-1).usage.completion_tokens > 0);
});

test("tool round trip", async () => {
  const messages = [{ role: "user", content: "What is the weather in Paris? Use get_weather." }];
  const first = await client.chat.completions.create({ model: MODEL, messages, tools: [WEATHER] });
  assert.equal(first.choices[0].finish_reason, "tool_calls");
  const [call] = first.choices[0].message.tool_calls;
  assert.equal(call.function.name, "get_weather");
  assert.deepEqual(Object.keys(JSON.parse(call.function.arguments)), ["city"]);
  messages.push(first.choices[0].message, { role: "tool", tool_call_id: call.id, content: "sunny" });
  const second = await client.chat.completions.create({ model: MODEL, messages, tools: [WEATHER] });
  assert.equal(second.choices[0].finish_reason, "stop");
});

test("the tool runner goes round by itself", async () => {
  const asked = [];
  const tool = { ...WEATHER, function: { ...WEATHER.function, parse: JSON.parse, function: ({ city }) => (asked.push(city), "sunny") } };
  const messages = [{ role: "user", content: "What is the weather in Paris? Use get_weather." }];
  const answer = await client.chat.completions.runTools({ model: MODEL, messages, tools: [tool] }).finalContent();
  assert.equal(asked.length, 1);
  assert.ok(answer);
});

test("parallel tools, streamed", async () => {
  const messages = [{ role: "user", content: "Use get_weather and get_time in parallel." }];
  const stream = client.chat.completions.stream({ model: MODEL, messages, tools: [WEATHER, TIME], parallel_tool_calls: true });
  const answer = await stream.finalChatCompletion();
  const calls = answer.choices[0].message.tool_calls;
  assert.deepEqual(calls.map((call) => call.function.name).sort(), ["get_time", "get_weather"]);
  assert.equal(new Set(calls.map((call) => call.id)).size, 2);
  for (const call of calls) assert.ok(JSON.parse(call.function.arguments));
  assert.equal(answer.choices[0].finish_reason, "tool_calls");
});

test("JSON schema", async () => {
  const schema = object({ name: { type: "string" }, population: { type: "integer" }, tags: { type: "array", items: { type: "string" } } });
  const response_format = { type: "json_schema", json_schema: { name: "city", strict: true, schema } };
  const answer = await client.chat.completions.parse({ model: MODEL, messages: HELLO, response_format });
  const city = JSON.parse(answer.choices[0].message.content);
  assert.equal(typeof city.name, "string");
  assert.ok(Number.isInteger(city.population) && Array.isArray(city.tags));
});

test("image input", async () => {
  const ask = (...parts) => {
    const content = [{ type: "text", text: "What is this?" }, ...parts];
    return client.chat.completions.create({ model: MODEL, messages: [{ role: "user", content }] });
  };
  const seen = await ask({ type: "image_url", image_url: { url: PIXEL, detail: "low" } });
  const blind = await ask();
  // The provider counts the picture, so it has arrived.
  assert.ok(seen.usage.prompt_tokens > blind.usage.prompt_tokens);
});

test("embeddings: the SDK's base64 by default, and floats", async () => {
  const model = "text-embedding-3-small";
  const packed = await client.embeddings.create({ model, input: ["same"], dimensions: 16 });
  const floats = await client.embeddings.create({ model, input: ["same"], dimensions: 16, encoding_format: "float" });
  assert.equal(packed.data[0].embedding.length, 16);
  assert.equal(floats.data[0].embedding.length, 16);
  packed.data[0].embedding.forEach((value, index) => assert.ok(Math.abs(value - floats.data[0].embedding[index]) < 1e-6));
});

test("models", async () => {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  assert.ok(names.includes(MODEL) && names.includes("auto:sdk"), names.join(" "));
  assert.equal(new Set(names).size, names.length);
  assert.equal((await client.models.retrieve(MODEL)).object, "model");
  // A colon in the id, which this SDK writes as %3A.
  assert.equal((await client.models.retrieve("auto:sdk")).id, "auto:sdk");
});

test("many at once", async () => {
  const answers = await Promise.all(Array.from({ length: 16 }, () => client.chat.completions.create({ model: MODEL, messages: HELLO })));
  assert.ok(answers.every((answer) => answer.choices[0].message.content.includes("Hello, router!")));
});
