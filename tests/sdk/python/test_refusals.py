"""Every refusal of the contract, in every SDK: the right status, word and exception, and as many requests as make sense.

One table for all SDKs. A refusal that waiting does not help is asked once; the others as often as the SDK does by itself, after the
time that the router names.
"""

import json
import os
from typing import Any, Callable, NamedTuple

import anthropic
import httpx
import httpx2
import openai
import pytest
from conftest import BASE_URL, STATES, Wire, Wire2, with_body, with_headers, without_key
from google import genai
from google.genai import errors, types

ROOT = os.environ["ROUTER_URL"]
MODEL = "gpt-4o-mini"
HELLO = [{"role": "user", "content": "Hello"}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


class Sdk(NamedTuple):
    """An SDK, as far as a refusal needs it."""

    transport: type
    client: Callable[[str, str, Any], Any]
    ask: Callable[[Any, str], Any]
    error: type
    # Requests for one call, where asking again makes sense.
    patience: int
    # The dialect's word for an error: where it stands in the exception, and which of the table's words it is.
    word: Callable[[Any], Any]
    # What asks for JSON after a schema, for a model that cannot.
    schema: dict


def gpt(root, key, http):
    return openai.OpenAI(api_key=key, base_url=f"{root}/v1", http_client=http)


SDKS = {
    "chat": Sdk(
        Wire, gpt, lambda client, model: client.chat.completions.create(model=model, messages=HELLO),
        openai.APIStatusError, 3, lambda error: error.code,
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}},
    ),
    "responses": Sdk(
        Wire, gpt, lambda client, model: client.responses.create(model=model, input="Hello"),
        openai.APIStatusError, 3, lambda error: error.code,
        {"text": {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}}},
    ),
    "anthropic": Sdk(
        Wire2, lambda root, key, http: anthropic.Anthropic(api_key=key, base_url=root, http_client=http),
        lambda client, model: client.messages.create(model=model, max_tokens=16, messages=HELLO),
        anthropic.APIStatusError, 3, lambda error: error.body["error"]["type"],
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    ),
    "gemini": Sdk(
        Wire, lambda root, key, http: genai.Client(api_key=key, http_options=types.HttpOptions(base_url=root, api_version="v1beta", httpx_client=http)),
        lambda client, model: client.models.generate_content(model=model, contents="Hello"),
        errors.APIError, 1, lambda error: error.status,
        {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}},
    ),
}


def elsewhere(request):
    """An edit that asks for a path that is not there."""
    return type(request)(request.method, str(request.url).split("/models")[0] + "/no/where", headers=request.headers, content=request.content)


def with_members(members):
    """An edit that adds to the body."""
    return lambda request: with_body(json.dumps(json.loads(request.content) | members).encode())(request)


class Case(NamedTuple):
    """A refusal: how to get it, and what it is."""

    name: str
    status: tuple
    code: str
    again: bool = False
    key: str = "SDK_KEY"
    model: str = MODEL
    edit: Any = None
    # A router that is in this state (tests/sdk/states.py) instead of the usual one.
    state: Any = None
    # Headers of a request that goes before it.
    before: Any = None


FORM = with_body(b"a=b", **{"content-type": "application/x-www-form-urlencoded"})
UNKNOWN = "sk-router-unknown-key-00000000000000000000"
CASES = [
    Case("no JSON", (400,), "invalid_json", edit=with_body(b'{"model": "gpt-4o-mini", ')),
    Case("nothing in it", (400,), "missing_required_parameter", edit=with_body(b"{}")),
    Case("a key twice", (400,), "duplicate_key", edit=with_body(b'{"x": 1, "x": 2}')),
    Case("too deep", (400,), "json_too_deep", edit=with_body(b'{"x": ' + b"[" * 200 + b"]" * 200 + b"}")),
    Case("a header that makes no sense", (400,), "invalid_value", edit=with_headers(x_router_max_cost="much")),
    Case("two keys", (400,), "ambiguous_credentials", edit=with_headers(api_key="sk-router-another")),
    Case("too long", (400,), "context_length_exceeded", model="sim-context-length"),
    Case("a parameter that no candidate has", (400,), "unsupported_parameter", model="sim-status-500", edit="schema"),
    Case("the provider's content policy", (400,), "content_policy", model="sim-content-policy"),
    Case("the provider's own words", (400,), "invalid_value", model="sim-bad-value"),
    Case("no key", (401,), "missing_api_key", edit=without_key),
    Case("an unknown key", (401,), "invalid_api_key", key=UNKNOWN),
    Case("a malformed key", (401,), "invalid_api_key", key="no-such-form"),
    Case("an expired key", (401,), "key_expired", key="SDK_KEY_EXPIRED"),
    Case("a spent budget", (402,), "budget_exceeded", key="SDK_KEY_POOR"),
    Case("another address", (403,), "ip_not_allowed", key="SDK_KEY_ELSEWHERE"),
    Case("an unknown model", (404,), "model_not_found", model="no-such-model"),
    Case("an unknown group", (404,), "model_not_found", model="auto:none"),
    Case("a model that is not for this key", (404,), "model_not_found", key="SDK_KEY_NARROW", model="via-chat"),
    Case("an unknown path", (404,), "not_found", edit=elsewhere),
    Case("a body that does not come", (408,), "request_timeout", again=True, state="request_timeout"),
    Case("a body that is too large", (413,), "request_too_large", edit=with_body(b" " * (1024 * 1024 + 1))),
    Case("a form", (415,), "unsupported_media_type", edit=FORM),
    Case("another body under the same name", (422,), "idempotency_mismatch", edit=with_headers(idempotency_key="sdk"), before={"idempotency-key": "sdk"}),
    Case("headers that are too large", (431,), "headers_too_large", edit=with_headers(x_note="x" * 17_000)),
    Case("the key's own limit", (429,), "rate_limit_exceeded", again=True, key="SDK_KEY_LIMITED", before={}),
    Case("every candidate at its limit", (429,), "rate_limit_exceeded", again=True, model="sim-status-429"),
    Case("an empty answer", (502, 503), "upstream_bad_response no_channel_available", again=True, model="sim-empty"),
    Case("a provider that is not there", (502, 503), "upstream_error no_channel_available", again=True, model="sim-dead"),
    Case("a failing provider", (502, 503), "upstream_error no_channel_available", again=True, model="sim-status-500"),
    Case("nobody who could ever", (503,), "no_channel_available", model="auto:nobody"),
    Case("too many at once", (503,), "overloaded", again=True, state="overloaded"),
    Case("books that cannot be written", (503,), "accounting_unavailable", again=True, state="accounting_unavailable"),
    Case("a router that starts", (503,), "starting", again=True, state="starting"),
    Case("a router that ends", (503,), "shutting_down", again=True, state="shutting_down"),
    Case("a channel that leads back", (508,), "loop_detected", state="loop_detected"),
    Case("a provider that does not answer", (504, 503), "upstream_timeout no_channel_available", again=True, model="sim-hang"),
]

# What each dialect calls it; OpenAI's word is the code, but for these.
OPENAI = {"budget_exceeded": {"insufficient_quota"}, "content_policy": {"content_policy_violation"}, "invalid_value": {"invalid_value", "invalid_type"}}
ANTHROPIC = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error", 404: "not_found_error", 408: "timeout_error",
    413: "request_too_large", 415: "invalid_request_error", 422: "invalid_request_error", 431: "invalid_request_error", 429: "rate_limit_error",
    502: "api_error", 503: "overloaded_error", 504: "timeout_error", 508: "api_error",
}
GEMINI = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 402: "RESOURCE_EXHAUSTED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 408: "DEADLINE_EXCEEDED",
    413: "INVALID_ARGUMENT", 415: "INVALID_ARGUMENT", 422: "INVALID_ARGUMENT", 431: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED",
    502: "UNAVAILABLE", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED", 508: "INTERNAL",
}


def words(sdk, status, code):
    """What the dialect may call an error with that status and that code of ours."""
    if sdk == "anthropic":
        return {ANTHROPIC[status]}
    if sdk == "gemini":
        return {GEMINI[status]}
    if sdk == "responses" and status == 503:
        return {"server_is_overloaded"}
    return OPENAI.get(code, {code})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
@pytest.mark.parametrize("name", SDKS)
def test_a_refusal(name, case, naps):
    sdk = SDKS[name]
    key = os.environ.get(case.key, case.key)
    if case.before is not None:
        # Perhaps another SDK has had it.
        body = {"model": MODEL, "messages": HELLO, "temperature": 0.5}
        httpx.post(f"{BASE_URL}/chat/completions", headers={"authorization": f"Bearer {key}", **case.before}, json=body)
    wire = sdk.transport(with_members(sdk.schema) if case.edit == "schema" else case.edit)
    http = httpx2 if sdk.transport is Wire2 else httpx
    with http.Client(transport=wire) as over, pytest.raises(sdk.error) as caught:
        sdk.ask(sdk.client(STATES[case.state] if case.state else ROOT, key, over), case.model)

    error, last = caught.value, wire.heads[-1]
    statuses = (429,) if name == "responses" and case.code == "budget_exceeded" else case.status
    for head in wire.heads:
        assert head.status in statuses
        assert head.headers["x-router-error"] in case.code.split()
        assert head.headers["x-should-retry"] == ("true" if case.again else "false")
        assert head.headers["x-request-id"]
    assert (error.code if name == "gemini" else error.status_code) == last.status
    assert sdk.word(error) in words(name, last.status, last.headers["x-router-error"])
    # Nothing of what lies behind the router.
    assert "upstream-key" not in str(error) and "127.0.0.1" not in str(error) and key not in str(error)

    assert wire.sent == (sdk.patience if case.again else 1)
    assert len(naps) == wire.sent - 1
    for nap, head in zip(naps, wire.heads):
        # As long as the router said, where it said so.
        assert nap >= int(head.headers.get("retry-after", 0))
