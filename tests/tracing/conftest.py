"""One traced request as a table row sees it, spans by hand, and a server that notes what it was sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.trace import SpanKind

from midwatch import Exchange, Tracing, inject
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
    """A real server on the loopback; `/redirect` leads to `/`, `/status/N` answers N."""

    url: str
    port: int
    calls: list[tuple[str, str]] = field(default_factory=list)
    headers: list[Message] = field(default_factory=list)

    @property
    def parents(self) -> list[str]:
        return [headers["traceparent"] for headers in self.headers]


@pytest.fixture
def server() -> Iterator[Server]:
    noted: Server

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            noted.calls.append((self.command, self.path))
            noted.headers.append(self.headers)
            path = self.path.partition("?")[0]
            status = int(path.rpartition("/")[2]) if path.startswith("/status/") else 200
            self.send_response(302 if path == "/redirect" else status)
            if path == "/redirect":
                self.send_header("location", "/landed")
            self.send_header("content-length", "2")
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(b"ok")

        do_POST = do_BREW = do_GET

        def log_message(self, *args: Any) -> None: ...

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port = listening.server_address[1]
    noted = Server(f"http://127.0.0.1:{port}", port)
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    yield noted
    listening.shutdown()
    thread.join()
    listening.server_close()
