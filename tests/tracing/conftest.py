"""One traced request as a table row sees it, spans by hand, and a server that notes what it was sent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import aiohttp
import httpx
import pytest
import requests
import urllib3
from opentelemetry.trace import SpanKind, use_span

from midwatch import Exchange, Tracing, inject, trace_client
from midwatch.plugin import failures
from midwatch.testing import Answer, Recorder, ScriptedApp
from midwatch.tracing import Span

if TYPE_CHECKING:
    from email.message import Message

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"


@dataclass
class Seen:
    """What became of one request: the exchange, and the headers that a call of its handler would have carried."""

    exchange: Exchange
    span: Span
    answer: Answer
    sent: dict[str, str]

    @property
    def continued(self) -> bool:
        return self.span.trace_id == TRACE_ID and self.span.parent_id == PARENT_ID


@pytest.fixture(autouse=True)
def _nothing_failed() -> Iterator[None]:
    """Whatever a header holds, no moment raises."""
    before = dict(failures)
    yield
    assert failures == before


@pytest.fixture(autouse=True)
def _no_spans_of_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may pause between the last byte and the end, which is no background work."""
    monkeypatch.setattr("midwatch.tracing.sequel.WORTH", float("inf"))


@pytest.fixture
def trace(door: Any) -> Callable[..., Seen]:
    """Serves one request with these header lines."""

    def _trace(*headers: tuple[str, str], **options: Any) -> Seen:
        recorder = Recorder()
        sent: dict[str, str] = {}
        app = door.watch(ScriptedApp(before=lambda: inject(sent)), Tracing(**options), recorder)
        answer = door.call(app, headers=[("host", "testserver"), *headers])
        assert answer.error is None
        assert answer.status == 200
        span = recorder.exchange.span
        assert isinstance(span, Span)
        return Seen(recorder.exchange, span, answer, sent)

    return _trace


@pytest.fixture
def exported() -> list[Span]:
    return []


@pytest.fixture
def span(exported: list[Span]) -> Span:
    """A span that is recorded."""
    return Span("work", SpanKind.INTERNAL, TRACE_ID, PARENT_ID, None, 3, "", 1_700_000_000_000_000_000, exported.append)


@dataclass
class Server:
    """
    A real server on the loopback.

    `/status/N` answers N, `/redirect` leads to `/landed` or to `?to=`, `/flaky/N` answers 503 for N times, `/drop/N`
    closes the connection for N times, `/digest` wants a password first.
    """

    url: str
    port: int
    calls: list[tuple[str, str]] = field(default_factory=list)
    headers: list[Message] = field(default_factory=list)

    @property
    def parents(self) -> list[str]:
        return [headers["traceparent"] for headers in self.headers]


class _Handler(BaseHTTPRequestHandler):
    noted: Server

    def do_GET(self) -> None:
        self.noted.calls.append((self.command, self.path))
        self.noted.headers.append(self.headers)
        path, _, query = self.path.partition("?")
        kind, _, number = path[1:].partition("/")
        first = int(number or 0) >= self.noted.calls.count((self.command, self.path)) if number.isdecimal() else False
        if kind == "drop" and first:
            self.close_connection = True
            return
        status, headers = 200, {}
        if kind == "status":
            status = int(number)
        elif kind == "flaky" and first:
            status = 503
        elif kind == "redirect":
            status, headers = 302, {"location": unquote(query.removeprefix("to=")) or "/landed"}
        elif kind == "digest" and "authorization" not in self.headers:
            status, headers = 401, {"www-authenticate": 'Digest realm="x", nonce="y", qop="auth", algorithm=MD5'}
        body = self.command != "HEAD" and status != 204
        self.send_response(status)
        for name, value in {**headers, "content-length": str(2 * body), "connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(b"ok")

    do_POST = do_BREW = do_HEAD = do_GET

    def log_message(self, *args: Any) -> None: ...


@contextmanager
def _serving() -> Iterator[Server]:
    handler: Any = type("Handler", (_Handler,), {})
    listening = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    port = listening.server_address[1]
    handler.noted = noted = Server(f"http://127.0.0.1:{port}", port)
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    yield noted
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    with _serving() as serving:
        yield serving


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    """Another one: at another port, so of another origin."""
    with _serving() as serving:
        yield serving


@pytest.fixture
def current(span: Span) -> Iterator[Span]:
    """A span that is current."""
    with use_span(span):
        yield span


Call = Callable[..., int]


@pytest.fixture(params=["httpx.Client", "httpx.AsyncClient", "requests.Session", "aiohttp", "urllib3"])
def call(request: pytest.FixtureRequest) -> Iterator[Call]:
    """`call(method, url)` by one kind of traced client, following redirects; the status."""
    kind: str = request.param
    if kind == "requests.Session":
        with requests.Session() as session:
            session.trust_env = False
            _traced(session)
            yield lambda method, url, **given: session.request(method, url, timeout=10, **given).status_code
    elif kind == "httpx.Client":
        with httpx.Client(follow_redirects=True, trust_env=False) as client:
            _traced(client)
            yield lambda method, url, **given: client.request(method, url, **given).status_code
    elif kind == "urllib3":
        with urllib3.PoolManager(retries=urllib3.Retry(3, connect=0, read=0, raise_on_status=False)) as manager:
            _traced(manager)
            yield lambda method, url, **given: manager.request(method, url, **given).status
    else:
        yield _by_httpx if kind == "httpx.AsyncClient" else _by_aiohttp


def _traced(client: Any) -> None:
    assert trace_client(client) is client
    trace_client(client)


def _by_httpx(method: str, url: str, **given: Any) -> int:
    async def run() -> int:
        async with httpx.AsyncClient(follow_redirects=True, trust_env=False) as client:
            _traced(client)
            return (await client.request(method, url, **given)).status_code

    return asyncio.run(run())


def _by_aiohttp(method: str, url: str, **given: Any) -> int:
    async def run() -> int:
        async with aiohttp.ClientSession() as session:
            _traced(session)
            async with session.request(method, url, **given) as response:
                assert await response.text() in {"ok", ""}
                return response.status

    return asyncio.run(run())
