"""What applications do with the SDK, through the router: every answer must look as OpenAI's own would."""

import asyncio
import base64
import json
import os

import openai
import pytest
from conftest import BASE_URL
from pydantic import BaseModel

MODEL = "gpt-4o-mini"
HELLO = [{"role": "user", "content": "Hello, router!"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False},
        "strict": True,
    },
}
TIME = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]}}}
# A PNG of one pixel.
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def test_chat(client):
    answer = client.chat.completions.create(model=MODEL, messages=HELLO)
    assert answer.object == "chat.completion"
    assert "Hello, router!" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_a_request_that_is_sent_again_under_its_key_has_its_answer_already(client):
    ask = client.chat.completions.with_raw_response.create
    first, again = (ask(model=MODEL, messages=HELLO, extra_headers={"idempotency-key": "sdk-again"}) for _ in range(2))
    assert again.headers["x-router-replay-of"] == first.headers["x-request-id"] != again.headers["x-request-id"]
    assert again.parse() == first.parse()
    assert float(first.headers["x-router-cost"]) > 0 == float(again.headers["x-router-cost"])


def test_a_stream_that_was_left_is_whole_when_it_is_asked_for_again(client):
    def ask():
        return client.chat.completions.create(model=MODEL, messages=HELLO, stream=True, extra_headers={"idempotency-key": "sdk-left"})

    with ask() as left:
        began = next(iter(left))
    chunks = list(ask())
    assert chunks[0] == began and chunks[-1].choices[0].finish_reason == "stop"
    assert "Hello, router!" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def test_chat_headers_name_the_route_and_the_cost(client):
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO, extra_headers={"x-request-id": "sdk-test-1"})
    usage = raw.parse().usage
    assert raw.headers["x-request-id"] == "sdk-test-1"
    assert raw.headers["x-router-channel"] == "sim-main"
    assert raw.headers["x-router-provider"] == "sim"
    assert raw.headers["x-router-model"] == MODEL
    assert raw.headers["x-router-attempts"] == "1"
    assert int(raw.headers["x-router-overhead-us"]) >= 0
    # 0.15 and 0.60 USD per million tokens
    assert float(raw.headers["x-router-cost"]) == pytest.approx((usage.prompt_tokens * 0.15 + usage.completion_tokens * 0.60) / 1e6, abs=1e-9)


def test_chat_through_a_group(client):
    raw = client.chat.completions.with_raw_response.create(model="auto:sdk", messages=HELLO)
    assert raw.headers["x-router-group"] == "auto:sdk"
    assert raw.parse().choices[0].message.content


def test_failover_is_one_good_answer(client):
    raw = client.chat.completions.with_raw_response.create(model="auto:failover", messages=HELLO)
    assert "Hello, router!" in raw.parse().choices[0].message.content
    assert raw.headers["x-router-attempts"] == "2"
    assert raw.headers["x-router-channel"] == "sim-main"


def test_stream(client):
    chunks = list(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True))
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert "Hello, router!" in text
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert len({chunk.id for chunk in chunks}) == 1
    # The router asks the provider for usage; who did not ask must not see it.
    assert all(chunk.choices for chunk in chunks)
    assert all(getattr(chunk, "usage", None) is None for chunk in chunks)


def test_stream_with_usage(client):
    chunks = list(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == []
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].usage.completion_tokens > 0


def test_stream_helper(client):
    with client.chat.completions.stream(model=MODEL, messages=HELLO) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "content.delta" in kinds and "content.done" in kinds
    assert "Hello, router!" in final.choices[0].message.content


def test_tool_round_trip(client):
    messages = [{"role": "user", "content": "What is the weather in Paris? Use get_weather."}]
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    assert first.choices[0].finish_reason == "tool_calls"
    (call,) = first.choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert set(json.loads(call.function.arguments)) == {"city"}
    messages += [first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    assert second.choices[0].finish_reason == "stop"
    assert second.choices[0].message.content


def test_tools_streamed(client):
    stream = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Use get_weather for Paris."}], tools=[WEATHER], stream=True)
    name, arguments, finish, identifiers = "", "", None, set()
    for chunk in stream:
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            for delta in choice.delta.tool_calls or []:
                assert delta.index == 0
                identifiers |= {delta.id} - {None}
                name += delta.function.name or ""
                arguments += delta.function.arguments or ""
    assert (name, finish, len(identifiers)) == ("get_weather", "tool_calls", 1)
    assert set(json.loads(arguments)) == {"city"}


def test_parallel_tools(client):
    messages = [{"role": "user", "content": "Use get_weather and get_time in parallel."}]
    answer = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER, TIME], parallel_tool_calls=True)
    calls = answer.choices[0].message.tool_calls
    assert {call.function.name for call in calls} == {"get_weather", "get_time"}
    assert len({call.id for call in calls}) == len(calls) == 2


def test_parallel_tools_streamed(client):
    messages = [{"role": "user", "content": "Use get_weather and get_time in parallel."}]
    with client.chat.completions.stream(model=MODEL, messages=messages, tools=[WEATHER, TIME | {"function": TIME["function"] | {"strict": True, "parameters": TIME["function"]["parameters"] | {"additionalProperties": False}}}]) as stream:
        stream.until_done()
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert {call.function.name for call in calls} == {"get_weather", "get_time"}
    assert all(json.loads(call.function.arguments) for call in calls)


class City(BaseModel):
    name: str
    population: int
    tags: list[str]


def test_json_schema(client):
    answer = client.chat.completions.parse(model=MODEL, messages=[{"role": "user", "content": "Describe Paris."}], response_format=City)
    assert isinstance(answer.choices[0].message.parsed, City)


def test_json_schema_streamed(client):
    with client.chat.completions.stream(model=MODEL, messages=HELLO, response_format=City) as stream:
        stream.until_done()
        final = stream.get_final_completion()
    assert isinstance(final.choices[0].message.parsed, City)


def test_image_input(client):
    def ask(*parts):
        content = [{"type": "text", "text": "What is this?"}, *parts]
        return client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}])

    seen = ask({"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}})
    assert seen.choices[0].message.content
    # The provider counts the picture, so it has arrived.
    assert seen.usage.prompt_tokens > ask().usage.prompt_tokens


@pytest.mark.parametrize("inputs", ["one text", ["two", "texts"]])
def test_embeddings_default_encoding(client, inputs):
    # The SDK asks for base64 of its own accord and decodes it.
    answer = client.embeddings.create(model="text-embedding-3-small", input=inputs)
    assert len(answer.data) == (1 if isinstance(inputs, str) else len(inputs))
    assert all(isinstance(value, float) for value in answer.data[0].embedding)
    assert answer.usage.prompt_tokens > 0


def test_embeddings_as_floats_and_as_base64_agree(client):
    floats = client.embeddings.create(model="text-embedding-3-small", input="same", encoding_format="float", dimensions=16).data[0].embedding
    packed = client.embeddings.create(model="text-embedding-3-small", input="same", encoding_format="base64", dimensions=16).data[0].embedding
    assert len(floats) == 16
    assert isinstance(packed, str) and len(base64.b64decode(packed)) == 4 * 16


def test_unknown_fields_pass_in_both_directions(client):
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO, extra_body={"my_own_field": {"deep": [1.0, 12345678901234567890]}})
    assert raw.status_code == 200


def test_models(client):
    names = [model.id for model in client.models.list()]
    assert {MODEL, "auto:sdk"} <= set(names)
    assert len(names) == len(set(names))
    assert client.models.retrieve(MODEL).object == "model"
    # A colon in the id, as the SDK writes it into the path.
    assert client.models.retrieve("auto:sdk").id == "auto:sdk"


def test_models_that_a_key_may_not_use_do_not_exist(connect):
    client = connect(key="SDK_KEY_NARROW").client
    assert [model.id for model in client.models.list()] == [MODEL]
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("auto:sdk")


def test_async_client():
    async def story():
        async with openai.AsyncOpenAI(api_key=os.environ["SDK_KEY"], base_url=BASE_URL) as client:
            answers = await asyncio.gather(*(client.chat.completions.create(model=MODEL, messages=HELLO) for _ in range(8)))
            assert all("Hello, router!" in answer.choices[0].message.content for answer in answers)
            stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
            assert "Hello, router!" in text

    asyncio.run(story())
