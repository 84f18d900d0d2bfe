"""Spans by hand, as files hold them, and pictures of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from midwatch.picture.read import Reader
from midwatch.picture.sources import Sources
from midwatch.picture.span import Span
from midwatch.picture.trace import Trace
from midwatch.picture.waterfall import Waterfall, lay_out

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
NOON = 1_763_899_200_000_000_000
"""Nanoseconds since the epoch."""

MS = 1_000_000


class Build:
    """Makes what a test needs, and remembers nothing."""

    trace = TRACE
    noon = NOON

    @staticmethod
    def id(number: int) -> str:
        return f"{number:016x}"

    def span(self, number: int, parent: int | None = None, start: float = 0, ms: float = 1, **fields: Any) -> Span:
        """A span that starts *start* milliseconds after noon."""
        given = {"service": "shop", "name": "work", "kind": "internal", **fields}
        above = None if parent is None else self.id(parent)
        return Span(TRACE, self.id(number), above, start=NOON + int(start * MS), duration=int(ms * MS), **given)

    @staticmethod
    def picture(*spans: Span, **options: Any) -> Waterfall:
        return lay_out(Trace(TRACE, spans, **options))

    def otlp(self, *spans: dict[str, Any], service: str = "shop") -> str:
        """A line of OTLP JSON."""
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
        return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]})

    def told(self, number: int = 1, **fields: Any) -> dict[str, Any]:
        """One span of OTLP JSON."""
        times = {"startTimeUnixNano": str(NOON), "endTimeUnixNano": str(NOON + 5 * MS)}
        return {"traceId": TRACE, "spanId": self.id(number), "name": "GET /items", "kind": 2, **times, **fields}

    def line(self, number: int = 1, **fields: Any) -> dict[str, Any]:
        """One line of a request log."""
        return {
            "timestamp": "2025-11-23T12:00:00.005000Z",
            "level": "INFO",
            "logger": "midwatch.request",
            "message": "GET /items 200",
            "service.name": "shop",
            "trace_id": TRACE,
            "span_id": self.id(number),
            "http.request.method": "GET",
            "http.route": "/items",
            "http.response.status_code": 200,
            "http.server.request.duration": 0.005,
            "outcome": "ok",
            **fields,
        }


class Read:
    """What a file holds, as the reader sees it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, text: str | bytes) -> list[Span]:
        self._path.write_bytes(text.encode() if isinstance(text, str) else text)
        self.sources = Sources([str(self._path)])
        self.reader = Reader(self.sources)
        return list(self.reader.spans())


@pytest.fixture
def build() -> Build:
    return Build()


@pytest.fixture
def read(tmp_path: Path) -> Read:
    return Read(tmp_path / "spans.jsonl")
