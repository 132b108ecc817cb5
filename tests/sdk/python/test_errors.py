"""What OpenAI's SDK shows of an error beside what every SDK does (see test_refusals.py): class, parameter, headers, what comes next."""

import openai
import pytest
from conftest import with_body

MODEL = "gpt-4o-mini"
HELLO = [{"role": "user", "content": "Hello"}]


def fail(connection, exception, model=MODEL, messages=HELLO, **options):
    """Ask for a chat answer; the error that comes instead."""
    with pytest.raises(exception) as caught:
        connection.client.chat.completions.create(model=model, messages=messages, **options)
    # Not a subclass by accident: APIStatusError itself is expected where the SDK has no class of its own.
    assert type(caught.value) is exception
    return caught.value


def check(error, status, code, should_retry, router_error=None):
    assert error.status_code == status
    assert error.code == code
    assert error.message and error.type
    assert error.response.headers["x-router-error"] == (router_error or code)
    assert error.response.headers["x-should-retry"] == ("true" if should_retry else "false")
    assert error.response.headers["x-request-id"] == error.request_id
    # Nothing of what lies behind the router.
    assert "upstream-key" not in str(error) and "127.0.0.1" not in str(error)


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b'{"model": "gpt-4o-mini", "messages": [', "invalid_json", None),
        (b"not json at all", "invalid_json", None),
        (b'{"messages": [{"role": "user", "content": "x"}]}', "missing_required_parameter", "model"),
        (b'{"model": "gpt-4o-mini"}', "missing_required_parameter", "messages"),
        (b'{"model": "gpt-4o-mini", "model": "gpt-4o", "messages": []}', "duplicate_key", "model"),
        (b'{"model": "gpt-4o-mini", "messages": [], "x": ' + b"[" * 200 + b"]" * 200 + b"}", "json_too_deep", None),
    ],
)
def test_400_bad_bodies(connect, body, code, param):
    connection = connect(edit=with_body(body))
    error = fail(connection, openai.BadRequestError)
    check(error, 400, code, should_retry=False)
    assert error.type == "invalid_request_error"
    if param:
        assert error.param == param
    assert connection.wire.sent == 1


def test_400_in_the_providers_own_words(connect):
    connection = connect()
    error = fail(connection, openai.BadRequestError, model="sim-bad-value", temperature=3)
    assert (error.status_code, error.code, error.param) == (400, "invalid_type", "temperature")
    assert "between 0 and 2" in error.message
    assert error.response.headers["x-router-error"] == "invalid_value"
    assert connection.wire.sent == 1


@pytest.mark.parametrize(("header", "value"), [("x-router-max-cost", "much"), ("x-router-strategy", "no_such"), ("x-router-timeout-ms", "-1")])
def test_400_invalid_value(connect, header, value):
    connection = connect()
    error = fail(connection, openai.BadRequestError, extra_headers={header: value})
    check(error, 400, "invalid_value", should_retry=False)
    assert error.param == header
    assert connection.wire.sent == 1


@pytest.mark.parametrize(
    ("model", "key", "exception", "kind"),
    [
        (MODEL, "no-such-form", openai.AuthenticationError, "authentication_error"),
        (MODEL, "SDK_KEY_POOR", openai.APIStatusError, "insufficient_quota"),
        (MODEL, "SDK_KEY_ELSEWHERE", openai.PermissionDeniedError, "permission_error"),
        ("no-such-model", "SDK_KEY", openai.NotFoundError, "invalid_request_error"),
        ("sim-status-429", "SDK_KEY", openai.RateLimitError, "rate_limit_exceeded"),
        ("auto:nobody", "SDK_KEY", openai.InternalServerError, "server_error"),
    ],
)
def test_each_status_has_its_class_and_type(connect, model, key, exception, kind):
    error = fail(connect(key=key, max_retries=0), exception, model=model)
    assert error.type == kind


def test_404_a_forbidden_model_looks_like_an_unknown_one(connect):
    connection = connect(key="SDK_KEY_NARROW")
    forbidden = fail(connection, openai.NotFoundError, model="auto:sdk")
    unknown = fail(connection, openai.NotFoundError, model="auto:xyz")
    check(forbidden, 404, "model_not_found", should_retry=False)
    assert forbidden.message.replace("auto:sdk", "M") == unknown.message.replace("auto:xyz", "M")


def test_429_own_rate_limit_is_waited_for(connect, naps):
    connection = connect(key="SDK_KEY_LIMITED")
    connection.client.chat.completions.create(model=MODEL, messages=HELLO)
    connection.wire.sent = 0
    error = fail(connection, openai.RateLimitError)
    check(error, 429, "rate_limit_exceeded", should_retry=True)
    wait = int(error.response.headers["retry-after"])
    assert 1 <= wait <= 60
    # Two retries, each after the time that the router named.
    assert connection.wire.sent == 3
    assert len(naps) == 2 and all(wait <= nap <= 61 for nap in naps)
    assert error.response.headers["x-ratelimit-limit-requests"] == "1"
    assert error.response.headers["x-ratelimit-remaining-requests"] == "0"


def test_502_then_503_while_the_channel_stays_away(connect):
    connection = connect(max_retries=0)
    codes = []
    for _ in range(10):
        error = fail(connection, openai.InternalServerError, model="sim-status-500")
        codes.append((error.status_code, error.code))
        if error.status_code == 503:
            break
        check(error, 502, "upstream_error", should_retry=True)
    assert codes[0] == (502, "upstream_error") and codes[-1] == (503, "no_channel_available"), codes
    check(error, 503, "no_channel_available", should_retry=True)
    # At most as long as the breaker stays open: 30 s and a little, so that not all come back at once.
    assert 1 <= int(error.response.headers["retry-after"]) <= 40


def test_an_error_before_the_first_token_of_a_stream_is_an_exception_too(connect):
    connection = connect()
    error = fail(connection, openai.BadRequestError, model="sim-context-length", stream=True)
    check(error, 400, "context_length_exceeded", should_retry=False)
