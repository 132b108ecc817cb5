// The official SDKs of the other dialects and the Vercel AI SDK, unmodified. They talk to the simulated provider itself, which
// shows that it is faithful enough, and through the router to a provider of each dialect: `SDK_ROUTER_SERVES`
// (tests/sdk/run.sh) lists the client dialects that the router is asked in.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";

const SCHEMA = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const ASK = 'call get_weather with {"city": "Paris"}';
const ROUTED = ["via-chat", "via-openai", "via-anthropic", "via-gemini", "via-ollama"];
const URLS = { provider: process.env.SIM_ROOT, ...Object.fromEntries(ROUTED.map((name) => [name, process.env.ROUTER_URL])) };
const KEY = process.env.SDK_KEY;

const SERVED = ["chat", ...process.env.SDK_ROUTER_SERVES.split(" ")];

for (const [target, url] of Object.entries(URLS)) {
  /** The model that this target is asked for; the simulated provider answers to any name of the client's family. */
  const model_of = (own) => (target === "provider" ? own : target);
  /** A test of a dialect, where the target serves it. */
  const speaks = (dialect, name, body) => {
    if (target === "provider" || SERVED.includes(dialect)) test(`${target}: ${name}`, body);
  };
  const claude = new Anthropic({ baseURL: url, apiKey: KEY, maxRetries: 0 });
  const gemini = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: url, apiVersion: "v1beta" } });
  const gpt = new OpenAI({ baseURL: `${url}/v1`, apiKey: KEY, maxRetries: 0 });

  speaks("anthropic", "anthropic: messages, stream", async () => {
    const request = { model: model_of("claude-sim"), max_tokens: 64, messages: [{ role: "user", content: "Hello" }] };
    const answer = await claude.messages.create(request);
    assert.match(answer.content[0].text, /Hello$/);
    const streamed = await claude.messages.stream(request).finalMessage();
    assert.equal(streamed.content[0].text, answer.content[0].text);
    assert.equal(streamed.stop_reason, "end_turn");
  });

  speaks("anthropic", "anthropic: tools and thinking survive a round", async () => {
    const request = {
      model: model_of("claude-sim"),
      max_tokens: 4096,
      thinking: { type: "enabled", budget_tokens: 1024 },
      tools: [{ name: "get_weather", input_schema: SCHEMA }],
      messages: [{ role: "user", content: ASK }],
    };
    const first = await claude.messages.stream(request).finalMessage();
    // A proof of another family stands in a block of its own; OpenAI's chat shows no thoughts.
    const kinds = first.content.map((block) => block.type).filter((kind) => kind !== "redacted_thinking");
    assert.deepEqual(kinds, target === "via-openai" ? ["tool_use"] : ["thinking", "tool_use"]);
    const call = first.content.at(-1);
    assert.deepEqual(call.input, { city: "Paris" });
    request.messages.push({ role: "assistant", content: first.content });
    request.messages.push({ role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: "sunny" }] });
    const second = await claude.messages.create(request);
    assert.match(second.content.at(-1).text, /the tool said: sunny$/);
  });

  speaks("gemini", "google-genai: content, stream", async () => {
    const request = { model: model_of("gemini-3-sim"), contents: "Hello" };
    const answer = await gemini.models.generateContent(request);
    assert.match(answer.text, /Hello$/);
    let said = "";
    for await (const chunk of await gemini.models.generateContentStream(request)) said += chunk.text ?? "";
    assert.equal(said, answer.text);
  });

  speaks("gemini", "google-genai: tools and signatures survive a round", async () => {
    const config = { tools: [{ functionDeclarations: [{ name: "get_weather", parametersJsonSchema: SCHEMA }] }] };
    const contents = [{ role: "user", parts: [{ text: ASK }] }];
    const first = await gemini.models.generateContent({ model: model_of("gemini-3-sim"), contents, config });
    assert.deepEqual(first.functionCalls.map(({ name, args }) => ({ name, args })), [{ name: "get_weather", args: { city: "Paris" } }]);
    contents.push(first.candidates[0].content);
    contents.push({ role: "user", parts: [{ functionResponse: { name: "get_weather", response: { output: "sunny" } } }] });
    const second = await gemini.models.generateContent({ model: model_of("gemini-3-sim"), contents, config });
    assert.match(second.text, /the tool said: sunny$/);
  });

  speaks("responses", "openai responses: text, stream, tools", async () => {
    const answer = await gpt.responses.create({ model: model_of("gpt-sim"), input: "Hello" });
    assert.match(answer.output_text, /Hello$/);
    const streamed = await gpt.responses.stream({ model: model_of("gpt-sim"), input: "Hello" }).finalResponse();
    assert.equal(streamed.output_text, answer.output_text);
    const tools = [{ type: "function", name: "get_weather", parameters: SCHEMA, strict: true }];
    const input = [{ role: "user", content: ASK }];
    const first = await gpt.responses.create({ model: model_of("gpt-sim"), input, tools });
    assert.deepEqual(JSON.parse(first.output.at(-1).arguments), { city: "Paris" });
    input.push(...first.output, { type: "function_call_output", call_id: first.output.at(-1).call_id, output: "sunny" });
    assert.match((await gpt.responses.create({ model: model_of("gpt-sim"), input, tools })).output_text, /the tool said: sunny$/);
  });

  speaks("anthropic-count", "anthropic: count", async () => {
    const counted = await claude.messages.countTokens({ model: model_of("claude-sim"), messages: [{ role: "user", content: "Hello" }] });
    assert.ok(counted.input_tokens > 0);
  });

  speaks("gemini-count", "google-genai: count", async () => {
    assert.ok((await gemini.models.countTokens({ model: model_of("gemini-3-sim"), contents: "Hello" })).totalTokens > 0);
  });

  const models = {
    responses: createOpenAI({ baseURL: `${url}/v1`, apiKey: KEY })(model_of("gpt-sim")),
    chat: createOpenAI({ baseURL: `${url}/v1`, apiKey: KEY }).chat(model_of("gpt-sim")),
    anthropic: createAnthropic({ baseURL: `${url}/v1`, apiKey: KEY })(model_of("claude-sim")),
    gemini: createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey: KEY })(model_of("gemini-3-sim")),
  };
  for (const [name, model] of Object.entries(models)) {
    speaks(name, `AI SDK: ${name}`, async () => {
      const get_weather = tool({ description: "Weather", inputSchema: jsonSchema(SCHEMA), execute: async ({ city }) => `sunny in ${city}` });
      // Unless told so, this SDK takes the server to keep its items and sends only references to them.
      const options = { model, maxRetries: 0, providerOptions: { openai: { store: false } } };
      assert.match((await generateText({ ...options, prompt: "Hello" })).text, /Hello$/);
      assert.match(await streamText({ ...options, prompt: "Hello" }).text, /Hello$/);
      // The SDK calls the tool and goes back with its result by itself.
      const loop = { ...options, prompt: ASK, tools: { get_weather }, stopWhen: stepCountIs(3) };
      const answer = await generateText(loop);
      assert.equal(answer.steps.length, 2);
      assert.match(answer.text, /the tool said: .*sunny in Paris/s);
      assert.match(await streamText(loop).text, /the tool said: .*sunny in Paris/s);
    });
  }
}
