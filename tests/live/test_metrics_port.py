"""The page on its own port, with several workers of real servers: whoever answers, answers for all."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from .process import Process, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.live

HERE = Path(__file__).parent
REQUESTS = 40

SERVERS = {
    "uvicorn": ["-m", "uvicorn", "port_app:asgi", "--workers", "2", "--port", "{port}", "--log-level", "error"],
    "gunicorn-sync": ["-m", "gunicorn", "port_app:wsgi", "-w", "2", "-b", "127.0.0.1:{port}", "--log-level", "error"],
    "gunicorn-preload": ["-m", "gunicorn", "port_app:wsgi", "--preload", "-w", "2", "-k", "gthread", "--threads", "2",
                         "-b", "127.0.0.1:{port}", "--log-level", "error"],
    "gunicorn-uvicorn": ["-m", "gunicorn", "port_app:asgi", "-k", "uvicorn.workers.UvicornWorker", "-w", "2",
                         "-b", "127.0.0.1:{port}", "--log-level", "error"],
    "hypercorn": ["-m", "hypercorn", "port_app:asgi", "-w", "2", "-b", "127.0.0.1:{port}", "--log-level", "error"],
    "granian": ["-m", "granian", "port_app:asgi", "--interface", "asgi", "--workers", "2", "--port", "{port}",
                "--log-level", "error"],
}  # fmt: skip


@pytest.fixture(params=sorted(SERVERS))
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Process, int, int]]:
    command = SERVERS[request.param]
    if find_spec(command[1]) is None:
        pytest.skip(f"{command[1]} is not installed")
    figures = tmp_path / "figures"
    figures.mkdir(0o700)
    port, metrics_port = free_port(), free_port()
    env = {**os.environ, "FIGURES": str(figures), "METRICS_PORT": str(metrics_port), "PYTHONPATH": str(HERE)}
    filled = [part.format(port=port) for part in command]
    process = Process.start([sys.executable, *filled], tmp_path / "out", env)
    try:
        process.listens(port)
        yield process, port, metrics_port
    finally:
        process.stop()


def get(port: int, path: str) -> str:
    # A connection each, so that both workers have some.
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        text: str = answer.read().decode()
        return text


def requests(port: int) -> float | None:
    """What the page says; None while nobody listens."""
    try:
        page = get(port, "/metrics")
    except OSError:
        return None
    (family,) = [family for family in parse_text(page) if family.name == "http_server_request_duration_seconds"]
    return sum(sample.value for sample in family.samples if sample.name.endswith("_count"))


def test_each_worker_answers_for_all(server: tuple[Process, int, int]) -> None:
    """The sum is that of all requests, whichever worker the kernel picks; and the server ends when it is told to."""
    process, port, metrics_port = server
    for _ in range(REQUESTS):
        assert get(port, "/") == "ok"
    process.until(lambda: requests(metrics_port))
    assert {requests(metrics_port) for _ in range(20)} == {REQUESTS}
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(metrics_port, "/")
    assert process.stop() in {0, -15}
    assert requests(metrics_port) is None
