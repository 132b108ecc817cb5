"""The official SDKs of the other dialects, unmodified: text, streams, tools, thinking with its signature, counts.

They talk to the simulated provider itself, which shows that it is faithful enough for them, and through the router to a
provider of each dialect. `SDK_ROUTER_SERVES` (tests/sdk/run.sh) lists the client dialects that the router is asked in.
"""

import os
from typing import Any, NamedTuple

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
URLS = {"provider": os.environ["SIM_ROOT"]} | dict.fromkeys(["via-chat", "via-openai", "via-anthropic", "via-gemini", "via-ollama"], os.environ["ROUTER_URL"])
KEY = os.environ["SDK_KEY"]


class Asked(NamedTuple):
    """A client, the model to ask it for, and who answers."""

    client: Any
    model: str
    target: str


def targets(dialect):
    """Names of those who are asked in a dialect: the provider, and the router's model for each provider behind it."""
    served = dialect in os.environ["SDK_ROUTER_SERVES"].split()
    return [name for name in URLS if served or name == "provider"]


def model_of(target, own):
    """The model that a target is asked for; the simulated provider answers to any name of the client's family."""
    return own if target == "provider" else target


@pytest.fixture(params=targets("anthropic"))
def claude(request):
    with anthropic.Anthropic(base_url=URLS[request.param], api_key=KEY, max_retries=0) as client:
        yield Asked(client, model_of(request.param, "claude-sim"), request.param)


@pytest.fixture(params=targets("gemini"))
def gemini(request):
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=URLS[request.param], api_version="v1beta"))
    return Asked(client, model_of(request.param, "gemini-3-sim"), request.param)


@pytest.fixture(params=targets("responses"))
def gpt(request):
    with openai.OpenAI(base_url=f"{URLS[request.param]}/v1", api_key=KEY, max_retries=0) as client:
        yield Asked(client, model_of(request.param, "gpt-sim"), request.param)


# Anthropic


def ask_claude(claude, messages, **more):
    return claude.client.messages.create(model=claude.model, max_tokens=4096, messages=messages, **more)


def test_anthropic_message(claude):
    answer = ask_claude(claude, [{"role": "user", "content": "Hello"}])
    assert answer.content[0].text.endswith("Hello")
    assert answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0


def test_anthropic_stream(claude):
    with claude.client.messages.stream(model=claude.model, max_tokens=64, messages=[{"role": "user", "content": "Hello"}]) as stream:
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
        with claude.client.messages.stream(model=claude.model, max_tokens=4096, messages=messages, **more) as stream:
            first = stream.get_final_message()
    else:
        first = ask_claude(claude, messages, **more)
    # A proof of another family stands in a block of its own; OpenAI's chat shows no thoughts.
    kinds = [block.type for block in first.content if block.type != "redacted_thinking"]
    assert kinds == (["tool_use"] if claude.target == "via-openai" else ["thinking", "tool_use"])
    assert first.stop_reason == "tool_use"
    call = first.content[-1]
    assert (call.name, call.input) == ("get_weather", {"city": "Paris"})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    # The provider verifies the signature of the thought here.
    second = ask_claude(claude, messages, **more)
    assert second.content[-1].text.endswith("the tool said: sunny")


@pytest.mark.parametrize("claude", targets("anthropic-count"), indirect=True)
def test_anthropic_counts_tokens(claude):
    counted = claude.client.messages.count_tokens(model=claude.model, messages=[{"role": "user", "content": "Hello, how are you?"}])
    assert counted.input_tokens > 0


# Gemini


def test_gemini_content(gemini):
    answer = gemini.client.models.generate_content(model=gemini.model, contents="Hello")
    assert answer.text.endswith("Hello")
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert answer.usage_metadata.prompt_token_count > 0


def test_gemini_stream(gemini):
    chunks = list(gemini.client.models.generate_content_stream(model=gemini.model, contents="Hello"))
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
    first = gemini.client.models.generate_content(model=gemini.model, contents=contents, config=config)
    (call,) = first.function_calls
    assert (call.name, call.args) == ("get_weather", {"city": "Paris"})
    contents += [first.candidates[0].content, types.Content(role="user", parts=[types.Part.from_function_response(name=call.name, response={"output": "sunny"})])]
    # Without the signature of the call the provider refuses.
    second = gemini.client.models.generate_content(model=gemini.model, contents=contents, config=config)
    assert second.text.endswith("the tool said: sunny")


def test_gemini_json(gemini):
    config = types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=SCHEMA)
    answer = gemini.client.models.generate_content(model=gemini.model, contents="A city", config=config)
    assert isinstance(answer.parsed, dict) and set(answer.parsed) == {"city"}


@pytest.mark.parametrize("gemini", [name for name in targets("gemini-embed") if name in ("provider", "via-gemini")], indirect=True)
def test_gemini_embeds(gemini):
    embedded = gemini.client.models.embed_content(model="gemini-embedding-sim", contents=["one"], config=types.EmbedContentConfig(output_dimensionality=8))
    assert len(embedded.embeddings[0].values) == 8


# A model behind each dialect of providers that has embeddings.
EMBEDDERS = ["text-embedding-3-small", "gemini-embedding-sim", "nomic-embedding-sim"]


@pytest.mark.parametrize("model", EMBEDDERS if "gemini-embed" in os.environ["SDK_ROUTER_SERVES"].split() else [])
def test_embeddings_cross_dialects(model):
    google = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=os.environ["ROUTER_URL"], api_version="v1beta"))
    config = types.EmbedContentConfig(output_dimensionality=8, task_type="RETRIEVAL_QUERY")
    embedded = google.models.embed_content(model=model, contents=["one", "two"], config=config)
    with openai.OpenAI(base_url=f"{os.environ['ROUTER_URL']}/v1", api_key=KEY, max_retries=0) as client:
        answer = client.embeddings.create(model=model, input=["one", "two"], dimensions=8)
    assert [len(entry.embedding) for entry in answer.data] == [8, 8] and answer.usage.prompt_tokens > 0
    for entry, other in zip(answer.data, embedded.embeddings):
        assert entry.embedding == pytest.approx(other.values, abs=1e-6)


@pytest.mark.parametrize("gemini", targets("gemini-count"), indirect=True)
def test_gemini_counts_tokens(gemini):
    assert gemini.client.models.count_tokens(model=gemini.model, contents="Hello, how are you?").total_tokens > 0


# OpenAI Responses

FUNCTION = {"type": "function", "name": "get_weather", "description": "Weather", "parameters": SCHEMA, "strict": True}


def test_responses_text(gpt):
    answer = gpt.client.responses.create(model=gpt.model, input="Hello", store=False)
    assert answer.output_text.endswith("Hello")
    assert answer.status == "completed"
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def test_responses_stream(gpt):
    with gpt.client.responses.stream(model=gpt.model, input="Hello") as stream:
        said = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert said == final.output_text and said.endswith("Hello")


@pytest.mark.parametrize("streamed", [False, True])
def test_responses_tools_and_reasoning_survive_a_round(gpt, streamed):
    options = {"model": gpt.model, "tools": [FUNCTION], "store": False, "reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
    turns = [{"role": "user", "content": ASK}]
    if streamed:
        with gpt.client.responses.stream(input=turns, **options) as stream:
            for _ in stream:
                pass
            first = stream.get_final_response()
    else:
        first = gpt.client.responses.create(input=turns, **options)
    # Gemini's proof of a call is an item beside the thought.
    *thoughts, call = first.output
    assert call.type == "function_call" and {item.type for item in thoughts} == {"reasoning"}
    # Vendors that speak only chat show thoughts and prove none.
    assert gpt.target in ("via-chat", "via-ollama") or any(item.encrypted_content for item in thoughts)
    assert (call.name, call.arguments.replace(" ", "")) == ("get_weather", '{"city":"Paris"}')
    turns += [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in first.output]
    turns.append({"type": "function_call_output", "call_id": call.call_id, "output": "sunny"})
    # The provider decrypts the reasoning here.
    second = gpt.client.responses.create(input=turns, **options)
    assert second.output_text.endswith("the tool said: sunny")


def test_responses_json_schema(gpt):
    text = {"format": {"type": "json_schema", "name": "place", "strict": True, "schema": SCHEMA}}
    assert "city" in gpt.client.responses.create(model=gpt.model, input="A city", text=text).output_text


# LangChain


def langchain_models(target):
    url, key = URLS[target], KEY
    chat = {"model": model_of(target, "gpt-sim"), "base_url": f"{url}/v1", "api_key": key, "max_retries": 0}
    return {
        "chat": ChatOpenAI(**chat),
        "responses": ChatOpenAI(**chat, use_responses_api=True),
        "anthropic": ChatAnthropic(model=model_of(target, "claude-sim"), base_url=url, api_key=key, max_retries=0, max_tokens=1024),
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
