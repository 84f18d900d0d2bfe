"""OpenTelemetry's own instrumentations of libraries, with our provider and without the SDK."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from .received import Received, outline

pytestmark = pytest.mark.live

PROGRAM = Path(__file__).with_name("instrumented.py")
KINDS = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]

OUTLINES = {
    "sqlalchemy": "SERVER app: get\n  CLIENT app: connect\n  CLIENT app: select",
    "failing": "SERVER app: get\n  CLIENT app: connect\n  CLIENT app: select FAILED",
    "httpx": "SERVER app: get\n  CLIENT app: get",
    "requests": "SERVER app: get\n  CLIENT app: get",
    "celery": ("SERVER app: get\n  CONSUMER app: run/count\n    CLIENT app: connect\n    CLIENT app: select"),
}


@pytest.fixture(scope="module")
def peer() -> Iterator[tuple[str, dict[str, str]]]:
    """A server's address, and the traceparent of the call to each path."""
    parents: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parents[self.path] = self.headers["traceparent"]
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", parents
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module", params=["asgi", "wsgi"])
def run(request: pytest.FixtureRequest, peer: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the program says, with the spans of each trace."""
    for library in ("celery", "httpx", "requests", "sqlalchemy"):
        pytest.importorskip(f"opentelemetry.instrumentation.{library}", reason=f"{library} is not instrumented here")
    path = tmp_path_factory.mktemp("instrumented") / "spans.jsonl"
    command = [sys.executable, "-W", "ignore", PROGRAM, request.param, str(path), peer[0]]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    return {**json.loads(ended.stdout), "spans": spans_of(path)}


def spans_of(path: Path) -> dict[str, list[Received]]:
    """The spans in a file, by trace."""
    found = defaultdict(list)
    for line in path.read_text().splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            service = next(a["value"] for a in resource["resource"]["attributes"] if a["key"] == "service.name")
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    found[span["traceId"]].append(received(span, service["stringValue"], scope["scope"]["name"]))
    return found


def received(span: dict[str, Any], service: str, scope: str) -> Received:
    start, end = (int(span[key]) // 1000 for key in ("startTimeUnixNano", "endTimeUnixNano"))
    failed = span.get("status", {}).get("code") == 2
    ids = span["traceId"], span["spanId"], span.get("parentSpanId")
    return Received(*ids, span["name"].lower(), KINDS[span["kind"]], service, start, end - start, failed, {"of": scope})


@pytest.mark.parametrize("library", OUTLINES)
def test_nests_under_the_server_span(run: Any, library: str) -> None:
    """One server span, and below it what the library did; each in the name of its instrumentation."""
    spans = run["spans"][run["traces"][library]]

    assert outline(spans) == OUTLINES[library]
    made = {span.tags["of"] for span in spans if span.kind != "SERVER"}
    expected = {"failing": {"sqlalchemy"}, "celery": {"celery", "sqlalchemy"}}.get(library, {library})
    assert made == {f"opentelemetry.instrumentation.{name}" for name in expected}


@pytest.mark.parametrize("library", ["httpx", "requests"])
def test_calls_carry_the_clients_span(run: Any, peer: Any, library: str) -> None:
    """The service that is called becomes a child of the call, not of the request."""
    (call,) = [span for span in run["spans"][run["traces"][library]] if span.kind == "CLIENT"]
    assert peer[1][f"/{library}"][:52] == f"00-{call.trace_id}-{call.span_id}"


def test_nobody_loads_the_sdk(run: Any) -> None:
    """It may be installed; it is not needed."""
    assert run["sdk"] == []
