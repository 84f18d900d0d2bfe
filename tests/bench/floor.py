"""What the two floors share: the line they write, the histogram they fill and the place the lines go."""

from __future__ import annotations

import os
import re
import threading
import time
from collections import defaultdict, deque
from contextvars import ContextVar
from datetime import datetime

import msgspec
from msgspec import field

__all__ = ["BOUNDS", "DENIED", "SAFE", "Book", "Line", "current", "encode", "traceparent"]

PATTERN = "(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})"
traceparent = re.compile(PATTERN).fullmatch
encode = msgspec.json.Encoder().encode
current: ContextVar[tuple[str, str] | None] = ContextVar("current", default=None)

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
DENIED = frozenset({401, 403})
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
LINGER = 0.02


class Line(msgspec.Struct, omit_defaults=True, gc=False):
    """The fields of Midwatch's request line."""

    timestamp: datetime
    level: str
    logger: str
    message: str
    service_name: str = field(name="service.name")
    trace_id: str
    span_id: str
    trace_flags: str
    request_id: str
    method: str = field(name="http.request.method")
    scheme: str = field(name="url.scheme")
    path: str = field(name="url.path")
    route: str | None = field(name="http.route")
    status: int = field(name="http.response.status_code")
    duration: float = field(name="http.server.request.duration")
    time_to_first_byte: float
    bytes_out: int = field(name="http.response.body.size")
    client: str = field(name="client.address")
    server: str | None = field(name="server.address")
    user_agent: str | None = field(name="user_agent.original")
    outcome: str
    error_type: str | None = field(name="error.type", default=None)


def _series() -> list[float]:
    """A count for each bucket, and the sum."""
    return [0.0] * (len(BOUNDS) + 2)


class Book:
    """What a floor saw: histograms, a count of active requests, and lines on their way to `/dev/null`."""

    def __init__(self) -> None:
        self.active = 0
        self.lock = threading.Lock()
        self.series: defaultdict[tuple[str, str | None, int], list[float]] = defaultdict(_series)
        self._lines: deque[bytes] = deque()
        self._awake = False
        self._work = threading.Event()
        self._fd = os.open(os.devnull, os.O_WRONLY)
        threading.Thread(target=self._write, daemon=True).start()

    def put(self, line: bytes) -> None:
        """Queue one line."""
        self._lines.append(line)
        if not self._awake:
            self._awake = True
            self._work.set()

    def flush(self) -> None:
        """Write what is queued."""
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if lines:
            os.write(self._fd, b"\n".join(lines))

    def exposition(self) -> bytes:
        """The counts, about as Prometheus wants them."""
        rows = [f'requests{{route="{key[1]}"}} {sum(series[:-1])}' for key, series in self.series.items()]
        return "\n".join([f"active {self.active}", *rows, ""]).encode()

    def _write(self) -> None:
        while True:
            self._work.wait()
            self._work.clear()
            time.sleep(LINGER)
            self._awake = False
            self.flush()
