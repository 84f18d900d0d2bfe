"""The six by hand, fused into one WSGI middleware: no plugins, no options, no care for what is rare."""

from __future__ import annotations

import traceback
from bisect import bisect_left
from datetime import UTC, datetime
from random import getrandbits
from time import perf_counter, time
from typing import TYPE_CHECKING, Any

from .floor import BOUNDS, DENIED, SAFE, Book, Line, current, encode, traceparent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["FloorWSGI"]


class FloorWSGI:
    """The least that traces, logs, reports, measures, audits and answers health checks."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app
        self.book = Book()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path: str = environ["PATH_INFO"]
        if path == "/health" or path == "/metrics":
            start_response("200 OK", [])
            return [b"{}" if path == "/health" else self.book.exposition()]
        one = _Request(self.book, environ)

        def observed(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            one.status = int(status[:3])
            one.first = perf_counter()
            matched = environ.get("werkzeug.request")
            one.route = None if matched is None or matched.url_rule is None else matched.url_rule.rule
            return start_response(status, [*headers, ("x-request-id", one.request_id)], exc_info)

        token = current.set((one.trace_id, one.span_id))
        self.book.active += 1
        try:
            one.body = self.app(environ, observed)
        except Exception as error:
            one.failure = error
            one.status = one.status or 500
            self.book.put(encode({"trace_id": one.trace_id, "exception.stacktrace": traceback.format_exc()}))
            one.close()
            raise
        finally:
            current.reset(token)
        one.chunks = iter(one.body)
        return one


class _Request:
    """One request, which is also the body that the server iterates and closes."""

    __slots__ = (
        "body", "book", "chunks", "ended", "environ", "failure", "first", "flags", "request_id", "route", "size",
        "span_id", "started", "status", "trace_id",
    )  # fmt: skip

    def __init__(self, book: Book, environ: WSGIEnvironment) -> None:
        self.started = perf_counter()
        self.book = book
        self.environ = environ
        parent = traceparent(environ.get("HTTP_TRACEPARENT", ""))
        self.trace_id, self.flags = (parent[1], parent[3]) if parent else (f"{getrandbits(128):032x}", "01")
        self.span_id = f"{getrandbits(64):016x}"
        self.request_id: str = environ.get("HTTP_X_REQUEST_ID") or self.trace_id
        self.first = self.ended = 0.0
        self.status = self.size = 0
        self.route: str | None = None
        self.failure: Exception | None = None
        self.body: Iterable[bytes] = ()
        self.chunks: Iterator[bytes]

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            chunk = next(self.chunks)
        except StopIteration:
            self.ended = perf_counter()
            raise
        self.size += len(chunk)
        return chunk

    def close(self) -> None:
        """Close the application's body, and write down what happened."""
        close = getattr(self.body, "close", None)
        if close is not None:
            close()
        book, environ, status, failure = self.book, self.environ, self.status, self.failure
        book.active -= 1
        duration = (self.ended or perf_counter()) - self.started
        method: str = environ["REQUEST_METHOD"]
        path: str = environ["PATH_INFO"]
        bucket = bisect_left(BOUNDS, duration)
        with book.lock:
            series = book.series[method, self.route, status]
            series[bucket] += 1
            series[-1] += duration
        if method not in SAFE or status in DENIED:
            book.put(encode({"trace_id": self.trace_id, "action": method, "resource": path, "outcome": status}))
        line = Line(
            datetime.fromtimestamp(time(), UTC), "INFO", "request", f"{method} {path} {status}", "shop", self.trace_id,
            self.span_id, self.flags, self.request_id, method, environ["wsgi.url_scheme"], path, self.route, status,
            duration, self.first - self.started, self.size, environ["REMOTE_ADDR"], environ.get("HTTP_HOST"),
            environ.get("HTTP_USER_AGENT"), "error" if failure or status >= 500 else "ok",
            type(failure).__qualname__ if failure else None,
        )  # fmt: skip
        book.put(encode(line))
