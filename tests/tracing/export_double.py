"""A collector of our own on the loopback: it notes what it is sent, and answers, or does not, as a test says."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.trace import SpanKind

from midwatch.service import Service
from midwatch.tracing import Span
from midwatch.tracing.details import MIDWATCH, Scope

LONG = 30.0
"""Seconds after which a test that waits has failed."""

SERVICE = Service("shop", "1.2", "test", (("host.name", "a"),))
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"
START = 1_700_000_000_000_000_000


def made(
    number: int = 0,
    *,
    name: str = "GET /",
    kind: SpanKind = SpanKind.SERVER,
    parent: str | None = None,
    export: Callable[[Span], object] = lambda span: None,
    scope: Scope = MIDWATCH,
) -> Span:
    """A span that has not ended; its id is its number."""
    return Span(name, kind, TRACE_ID, f"{number + 1:016x}", parent, 3, "", START, export, False, scope)


def ended(number: int = 0, **options: Any) -> Span:
    span = made(number, **options)
    span.end(START + 5_000_000)
    return span


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes
    client: tuple[str, int]

    @property
    def text(self) -> bytes:
        return gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body

    @property
    def names(self) -> list[str]:
        """Of the spans, in their order."""
        told = json.loads(self.text)
        if isinstance(told, list):
            return [span["name"] for span in told]
        return [s["name"] for r in told["resourceSpans"] for one in r["scopeSpans"] for s in one["spans"]]

    @property
    def ids(self) -> list[str]:
        told = json.loads(self.text)
        if isinstance(told, list):
            return [span["id"] for span in told]
        return [s["spanId"] for r in told["resourceSpans"] for one in r["scopeSpans"] for s in one["spans"]]


@dataclass
class Answer:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    raw: Callable[[socket.socket], object] | None = None
    """Instead of the others: what is done with the connection, which is then closed."""


@dataclass
class Collector:
    """Answers with the next of `answers`, and with `usual` when there are none left."""

    port: int
    requests: list[Request] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    usual: Answer = field(default_factory=Answer)
    came: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released once for each request that has been read."""

    @property
    def at(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def ids(self) -> list[str]:
        return [one for request in self.requests for one in request.ids]


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    noted: Collector
    open_ones: set[socket.socket] = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            open_ones.add(self.connection)

        def finish(self) -> None:
            open_ones.discard(self.connection)
            with contextlib.suppress(OSError):
                super().finish()

        def handle(self) -> None:
            with contextlib.suppress(OSError):
                super().handle()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            noted.requests.append(Request(self.path, headers, body, self.client_address))
            answer = noted.answers.pop(0) if noted.answers else noted.usual
            noted.came.release()
            if answer.raw is not None:
                self.close_connection = True
                answer.raw(self.connection)
                return
            self.send_response(answer.status)
            for name, value in {"content-length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *args: Any) -> None: ...

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    noted = Collector(listening.server_address[1])
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield noted
    finally:
        listening.shutdown()
        thread.join()
        for connection in list(open_ones):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        listening.server_close()
