"""A rotel collector: OTLP in over HTTP, and the decoded spans out of what it prints."""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from .process import Process, free_port
from .received import Received

PARTS = re.compile(r"^(?:(ResourceSpans) #\d+|(ScopeSpans) #\d+|(Span) #\d+|(Events|Links):)$\n", re.MULTILINE)
FIELD = re.compile(r"^(?:    )?(\w[\w ]*?) *: (.*)$", re.MULTILINE)
ATTRIBUTE = re.compile(r"^     -> (.*?): (?:Str|Int|Double|Bool)\((.*)\)$", re.MULTILINE)


@dataclass
class Rotel:
    """A running collector that prints what it is sent."""

    process: Process
    port: int
    name = "rotel"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def to(self) -> str:
        """As a destination in the settings."""
        return f"otlp://127.0.0.1:{self.port}"

    def post(self, body: bytes, **headers: str) -> httpx.Response:
        return httpx.post(f"{self.url}/v1/traces", content=body, headers={"content-type": "application/json"} | headers)

    def spans(self) -> tuple[Received, ...]:
        """All spans so far."""
        return decoded(self.process.said())

    def trace(self, trace_id: str, spans: int = 1) -> list[Received]:
        """The spans of a trace, once there are at least so many."""

        def enough() -> list[Received] | None:
            found = [span for span in self.spans() if span.trace_id == trace_id]
            return found if len(found) >= spans else None

        return self.process.until(enough, 10)


@functools.lru_cache(1)
def decoded(printed: str) -> tuple[Received, ...]:
    """All spans in what rotel prints."""
    return tuple(_decoded(printed))


def _decoded(printed: str) -> Iterator[Received]:
    """One field to a line, in sections that a heading opens."""
    service = ""
    parts = PARTS.split(printed)[1:]
    for *headings, text in zip(*[iter(parts)] * 5, strict=True):
        resource, _, span, _ = headings
        if resource:
            service = dict(ATTRIBUTE.findall(text)).get("service.name", "")
        if span:
            fields = dict(FIELD.findall(text))
            start = int(fields["Start time"]) // 1000
            yield Received(
                fields["Trace ID"],
                fields["ID"],
                fields["Parent ID"] or None,
                fields["Name"].lower(),
                fields["Kind"].removeprefix("SPAN_KIND_"),
                service.lower(),
                start,
                int(fields["End time"]) // 1000 - start,
                fields.get("Status code") == "STATUS_CODE_ERROR",
                dict(ATTRIBUTE.findall(text)),
            )


@pytest.fixture(scope="session")
def rotel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rotel]:
    """One for all tests; traces do not meet."""
    package = importlib.util.find_spec("rotel")
    if package is None or package.origin is None:
        pytest.skip("rotel is not installed")
    folder = tmp_path_factory.mktemp("rotel")
    port = free_port()
    command: list[str | Path] = [
        Path(package.origin).with_name("rotel-agent"),
        *["start", "--pid-file", str(folder / "rotel.pid")],
        *["--otlp-http-endpoint", f"127.0.0.1:{port}", "--otlp-grpc-endpoint", f"127.0.0.1:{free_port()}"],
        *["--exporter", "blackhole", "--debug-log", "traces", "--debug-log-verbosity", "detailed"],
    ]
    found = Rotel(Process.start(command, folder / "rotel.out"), port)
    try:
        found.process.listens(port)
        yield found
    finally:
        found.process.stop()
