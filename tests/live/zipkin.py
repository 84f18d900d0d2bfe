"""A Zipkin server: spans in over HTTP, and read back over its API."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from .fetch_zipkin import JAR
from .process import Process, free_port
from .received import Received


@dataclass
class Zipkin:
    """A running server that keeps its spans in memory."""

    process: Process
    port: int
    client: httpx.Client
    name = "zipkin"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def to(self) -> str:
        """As a destination in the settings."""
        return f"zipkin://127.0.0.1:{self.port}"

    def post(self, body: bytes, **headers: str) -> httpx.Response:
        return httpx.post(
            f"{self.url}/api/v2/spans", content=body, headers={"content-type": "application/json"} | headers
        )

    def raw(self, trace_id: str) -> list[dict[str, Any]] | None:
        """The spans of a trace as its API gives them; None where it knows none."""
        answer = self.client.get(f"{self.url}/api/v2/trace/{trace_id}")
        if answer.status_code == 404:
            return None
        found: list[dict[str, Any]] = answer.raise_for_status().json()
        return found

    def trace(self, trace_id: str, spans: int = 1) -> list[Received]:
        """The spans of a trace, once there are at least so many."""

        def enough() -> list[dict[str, Any]] | None:
            found = self.raw(trace_id)
            return found if found is not None and len(found) >= spans else None

        return [_received(span) for span in self.process.until(enough, 10)]


def _received(span: dict[str, Any]) -> Received:
    tags = span.get("tags", {})
    return Received(
        span["traceId"],
        span["id"],
        span.get("parentId"),
        span.get("name", ""),
        span.get("kind", "INTERNAL"),
        span.get("localEndpoint", {}).get("serviceName", ""),
        span["timestamp"],
        span["duration"],
        "error" in tags,
        tags,
    )


@pytest.fixture(scope="session")
def zipkin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zipkin]:
    """One for all tests, since it takes seconds to start; traces do not meet."""
    java = shutil.which("java")
    if java is None:
        pytest.skip("Java (17 or newer) is not installed: no Zipkin server")
    if not JAR.exists():
        pytest.skip("the Zipkin server is not there; `python -m tests.live.fetch_zipkin` fetches it")
    port = free_port()
    # By itself it listens on every address; and what compiles fast starts fast.
    where = {"address": "127.0.0.1", "port": port, "protocols[0]": "http"}
    options = [f"--armeria.ports[0].{key}={value}" for key, value in where.items()]
    command: list[str | Path] = [java, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-jar", JAR, *options]
    process = Process.start(command, tmp_path_factory.mktemp("zipkin") / "zipkin.out")
    try:
        with httpx.Client() as client:
            found = Zipkin(process, port, client)
            process.until(lambda: _healthy(found), 60)
            yield found
    finally:
        process.stop(signal.SIGKILL)  # it keeps nothing, and takes seconds to say goodbye


def _healthy(server: Zipkin) -> bool | None:
    try:
        return server.client.get(f"{server.url}/health").is_success or None
    except httpx.TransportError:
        return None
