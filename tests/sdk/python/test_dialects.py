"""The official SDKs of the other dialects, unmodified: text, streams, tools, thinking with its signature, counts.

They talk to the simulated provider itself, which shows that it is faithful enough for them, and to the router in front of
it: `SDK_ROUTER_SERVES` (tests/sdk/run.sh) lists the dialects.
"""

import os

import anthropic
import openai
import pytest
from google import genai
from google.genai import types
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
ASK = 'call get_weather with {"city": "Paris"}'
URLS = {"provider": os.environ["SIM_ROOT"], "router": os.environ["ROUTER_URL"]}


def targets(dialect):
    """Names of those who are asked in a dialect."""
    return ["provider", "router"] if dialect in os.environ["SDK_ROUTER_SERVES"].split() else ["provider"]


@pytest.fixture(params=targets("anthropic"))
def claude(request):
    url, key = URLS[request.param], os.environ["SDK_KEY"]
    with anthropic.Anthropic(base_url=url, api_key=key, max_retries=0) as client:
        yield client


@pytest.fixture(params=targets("gemini"))
def gemini(request):
    url, key = URLS[request.param], os.environ["SDK_KEY"]
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url, api_version="v1beta"))


@pytest.fixture(params=targets("responses"))
def gpt(request):
    url, key = URLS[request.param], os.environ["SDK_KEY"]
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
        yield client


# Anthropic


def ask_claude(client, messages, **more):
    return client.messages.create(model="claude-sim", max_tokens=4096, messages=messages, **more)


def test_anthropic_message(claude):
    answer = ask_claude(claude, [{"role": "user", "content": "Hello"}])
    assert answer.content[0].text.endswith("Hello")
    assert answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0


def test_anthropic_stream(claude):
    with claude.messages.stream(model="claude-sim", max_tokens=64, messages=[{"role": "user", "content": "Hello"}]) as stream:
        said = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert said == final.content[0].text and said.endswith("Hello")
    assert final.stop_reason == "end_turn" and final.usage.output_tokens > 1


@pytest.mark.parametrize("streamed", [False, True])
def test_anthropic_tools_and_thinking_survive_a_round(claude, streamed):
    tools = [{"name": "get_weather", "description": "Weather", "input_schema": SCHEMA}]
    more = {"tools": tools, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    messages = [{"role": "user", "content": ASK}]
    if streamed:
        with claude.messages.stream(model="claude-sim", max_tokens=4096, messages=messages, **more) as stream:
            first = stream.get_final_message()
    else:
        first = ask_claude(claude, messages, **more)
    assert [block.type for block in first.content] == ["thinking", "tool_use"]
    assert first.stop_reason == "tool_use" and first.content[0].thinking
    call = first.content[1]
    assert (call.name, call.input) == ("get_weather", {"city": "Paris"})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    # The provider verifies the signature of the thought here.
    second = ask_claude(claude, messages, **more)
    assert second.content[-1].text.endswith("the tool said: sunny")


@pytest.mark.parametrize("claude", targets("anthropic-count"), indirect=True)
def test_anthropic_counts_tokens(claude):
    counted = claude.messages.count_tokens(model="claude-sim", messages=[{"role": "user", "content": "Hello, how are you?"}])
    assert counted.input_tokens > 0


# Gemini


def test_gemini_content(gemini):
    answer = gemini.models.generate_content(model="gemini-3-sim", contents="Hello")
    assert answer.text.endswith("Hello")
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert answer.usage_metadata.prompt_token_count > 0


def test_gemini_stream(gemini):
    chunks = list(gemini.models.generate_content_stream(model="gemini-3-sim", contents="Hello"))
    assert "".join(chunk.text or "" for chunk in chunks).endswith("Hello")
    assert chunks[-1].usage_metadata.candidates_token_count > 0


def test_gemini_tools_and_signatures_survive_a_round(gemini):
    declared = types.FunctionDeclaration(name="get_weather", description="Weather", parameters_json_schema=SCHEMA)
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[declared])],
        thinking_config=types.ThinkingConfig(include_thoughts=True),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    contents = [types.Content(role="user", parts=[types.Part(text=ASK)])]
    first = gemini.models.generate_content(model="gemini-3-sim", contents=contents, config=config)
    (call,) = first.function_calls
    assert (call.name, call.args) == ("get_weather", {"city": "Paris"})
    contents += [first.candidates[0].content, types.Content(role="user", parts=[types.Part.from_function_response(name=call.name, response={"output": "sunny"})])]
    # Without the signature of the call the provider refuses.
    second = gemini.models.generate_content(model="gemini-3-sim", contents=contents, config=config)
    assert second.text.endswith("the tool said: sunny")


def test_gemini_json(gemini):
    config = types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=SCHEMA)
    answer = gemini.models.generate_content(model="gemini-3-sim", contents="A city", config=config)
    assert isinstance(answer.parsed, dict) and set(answer.parsed) == {"city"}


@pytest.mark.parametrize("gemini", targets("gemini-embed"), indirect=True)
def test_gemini_embeds(gemini):
    embedded = gemini.models.embed_content(model="gemini-embedding-sim", contents=["one"], config=types.EmbedContentConfig(output_dimensionality=8))
    assert len(embedded.embeddings[0].values) == 8


@pytest.mark.parametrize("gemini", targets("gemini-count"), indirect=True)
def test_gemini_counts_tokens(gemini):
    assert gemini.models.count_tokens(model="gemini-3-sim", contents="Hello, how are you?").total_tokens > 0


# OpenAI Responses

FUNCTION = {"type": "function", "name": "get_weather", "description": "Weather", "parameters": SCHEMA, "strict": True}


def test_responses_text(gpt):
    answer = gpt.responses.create(model="gpt-sim", input="Hello", store=False)
    assert answer.output_text.endswith("Hello")
    assert answer.status == "completed"
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def test_responses_stream(gpt):
    with gpt.responses.stream(model="gpt-sim", input="Hello") as stream:
        said = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert said == final.output_text and said.endswith("Hello")


@pytest.mark.parametrize("streamed", [False, True])
def test_responses_tools_and_reasoning_survive_a_round(gpt, streamed):
    options = {"model": "gpt-sim", "tools": [FUNCTION], "store": False, "reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
    turns = [{"role": "user", "content": ASK}]
    if streamed:
        with gpt.responses.stream(input=turns, **options) as stream:
            for _ in stream:
                pass
            first = stream.get_final_response()
    else:
        first = gpt.responses.create(input=turns, **options)
    assert [item.type for item in first.output] == ["reasoning", "function_call"]
    assert first.output[0].encrypted_content
    call = first.output[1]
    assert (call.name, call.arguments.replace(" ", "")) == ("get_weather", '{"city":"Paris"}')
    turns += [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in first.output]
    turns.append({"type": "function_call_output", "call_id": call.call_id, "output": "sunny"})
    # The provider decrypts the reasoning here.
    second = gpt.responses.create(input=turns, **options)
    assert second.output_text.endswith("the tool said: sunny")


def test_responses_json_schema(gpt):
    text = {"format": {"type": "json_schema", "name": "place", "strict": True, "schema": SCHEMA}}
    assert "city" in gpt.responses.create(model="gpt-sim", input="A city", text=text).output_text


# LangChain


def langchain_models(target):
    url, key = URLS[target], os.environ["SDK_KEY"]
    chat = {"model": "gpt-sim", "base_url": f"{url}/v1", "api_key": key, "max_retries": 0}
    return {
        "chat": ChatOpenAI(**chat),
        "responses": ChatOpenAI(**chat, use_responses_api=True),
        "anthropic": ChatAnthropic(model="claude-sim", base_url=url, api_key=key, max_retries=0, max_tokens=1024),
    }


LANGCHAIN = [(target, "chat") for target in URLS] + [(target, name) for name in ("responses", "anthropic") for target in targets(name)]


@pytest.mark.parametrize(("target", "name"), LANGCHAIN)
def test_langchain(target, name):
    model = langchain_models(target)[name]
    assert model.invoke("Hello").text.endswith("Hello")
    assert "".join(chunk.text for chunk in model.stream("Hello")).endswith("Hello")
    bound = model.bind_tools([{"name": "get_weather", "description": "Weather", "parameters": SCHEMA}])
    turns = [HumanMessage(ASK)]
    first = bound.invoke(turns)
    (call,) = first.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Paris"})
    second = bound.invoke([*turns, first, ToolMessage("sunny", tool_call_id=call["id"])])
    assert second.text.endswith("the tool said: sunny")
