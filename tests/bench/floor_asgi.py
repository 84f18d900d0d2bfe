"""The six by hand, fused into one ASGI middleware: no plugins, no options, no care for what is rare."""

from __future__ import annotations

import traceback
from bisect import bisect_left
from datetime import UTC, datetime
from random import getrandbits
from time import perf_counter, time
from typing import TYPE_CHECKING

from .floor import BOUNDS, DENIED, SAFE, Book, Line, current, encode, traceparent

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["FloorASGI"]


class FloorASGI:
    """The least that traces, logs, reports, measures, audits and answers health checks."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.book = Book()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path: str = scope["path"]
        if path == "/health" or path == "/metrics":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"{}" if path == "/health" else self.book.exposition()})
            return
        started = perf_counter()
        book = self.book
        method: str = scope["method"]
        headers = dict(scope["headers"])
        parent = traceparent(headers.get(b"traceparent", b"").decode("latin-1"))
        trace_id, flags = (parent[1], parent[3]) if parent else (f"{getrandbits(128):032x}", "01")
        span_id = f"{getrandbits(64):016x}"
        request_id = headers.get(b"x-request-id", b"").decode("latin-1") or trace_id
        first = ended = 0.0
        status = size = 0
        failure: Exception | None = None

        async def observed(message: Message) -> None:
            nonlocal first, ended, status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
                first = perf_counter()
                await send(message)
            else:
                await send(message)
                size += len(message.get("body", b""))
                if not message.get("more_body", False):
                    ended = perf_counter()

        token = current.set((trace_id, span_id))
        book.active += 1
        try:
            await self.app(scope, receive, observed)
        except Exception as error:
            failure = error
            status = status or 500
            book.put(encode({"trace_id": trace_id, "exception.stacktrace": traceback.format_exc()}))
            raise
        finally:
            current.reset(token)
            book.active -= 1
            duration = (ended or perf_counter()) - started
            matched = scope.get("route")
            route = None if matched is None else matched.path
            bucket = bisect_left(BOUNDS, duration)
            with book.lock:
                series = book.series[method, route, status]
                series[bucket] += 1
                series[-1] += duration
            if method not in SAFE or status in DENIED:
                book.put(encode({"trace_id": trace_id, "action": method, "resource": path, "outcome": status}))
            line = Line(
                datetime.fromtimestamp(time(), UTC), "INFO", "request", f"{method} {path} {status}", "shop", trace_id,
                span_id, flags, request_id, method, scope["scheme"], path, route, status, duration, first - started,
                size, scope["client"][0], headers.get(b"host", b"").decode("latin-1"),
                headers.get(b"user-agent", b"").decode("latin-1"), "error" if failure or status >= 500 else "ok",
                type(failure).__qualname__ if failure else None,
            )  # fmt: skip
            book.put(encode(line))
