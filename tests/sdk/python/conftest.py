"""Clients as a user makes them, over a transport that counts the requests and can spoil them on the way."""

import os
from types import SimpleNamespace

import httpx
import httpx2
import openai
import pytest

BASE_URL = os.environ["ROUTER_URL"] + "/v1"
# Routers that refuse everybody: name of the state → root URL (tests/sdk/states.py).
STATES = dict(line.split(": listening on ") for line in os.environ["SDK_STATES"].splitlines())
CREDENTIALS = ("authorization", "x-api-key", "x-goog-api-key")


class Counting:
    """Counts what an SDK sends and keeps the heads of what it gets; `edit` may change a request before it leaves."""

    def __init__(self, edit=None):
        super().__init__()
        self.sent = 0
        self.heads = []
        self.edit = edit

    def handle_request(self, request):
        self.sent += 1
        if self.edit is not None:
            request = self.edit(request)
        answer = super().handle_request(request)
        self.heads.append(SimpleNamespace(status=answer.status_code, headers=answer.headers))
        return answer


class Wire(Counting, httpx.HTTPTransport):
    """The transport of the SDKs that use httpx."""


class Wire2(Counting, httpx2.HTTPTransport):
    """The transport of the SDKs that use its successor."""


def with_body(body, **headers):
    """An edit that sends these bytes instead of what the SDK made."""

    def edit(request):
        kept = [(name, value) for name, value in request.headers.items() if name.lower() not in ("content-length", "transfer-encoding", *headers)]
        return type(request)(request.method, request.url, headers=[*kept, *headers.items()], content=body)

    return edit


def with_headers(**headers):
    """An edit that adds headers; `_` stands for `-`."""

    def edit(request):
        request.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
        return request

    return edit


def without_key(request):
    """An edit that removes the credential."""
    for name in CREDENTIALS:
        request.headers.pop(name, None)
    return request


@pytest.fixture
def connect():
    """`connect(key="SDK_KEY", edit=None, **options)` → client and wire; everything is closed afterwards."""
    opened = []

    def make(key="SDK_KEY", edit=None, **options):
        wire = Wire(edit)
        client = openai.OpenAI(api_key=os.environ.get(key, key), base_url=BASE_URL, http_client=httpx.Client(transport=wire), **options)
        opened.append(client)
        return SimpleNamespace(client=client, wire=wire)

    yield make
    for client in opened:
        client.close()


@pytest.fixture
def client(connect):
    """A client with a good key."""
    return connect().client


@pytest.fixture
def naps(monkeypatch):
    """The waits between retries, taken down instead of slept."""
    taken = []
    monkeypatch.setattr("time.sleep", taken.append)
    return taken
