"""Real servers with two workers: they find each other with no setting, and a worker that is killed loses nothing."""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from .process import Process, free_port

pytestmark = pytest.mark.live

BIN = Path(sys.executable).parent
GUNICORN = ["gunicorn", "-w", "2", "-b", "127.0.0.1:{port}"]

SERVERS = {
    "gunicorn": [*GUNICORN, "slot_apps:wsgi"],
    "gunicorn threads": [*GUNICORN, "-k", "gthread", "--threads", "2", "slot_apps:wsgi"],
    "gunicorn preload": [*GUNICORN, "--preload", "slot_apps:wsgi"],
    "gunicorn uvicorn": [*GUNICORN, "-k", "uvicorn.workers.UvicornWorker", "slot_apps:asgi"],
    "uvicorn": ["uvicorn", "--workers", "2", "--port", "{port}", "slot_apps:asgi"],
    "hypercorn": ["hypercorn", "-w", "2", "-b", "127.0.0.1:{port}", "slot_apps:asgi"],
    "granian": ["granian", "--interface", "asgi", "--workers", "2", "--port", "{port}", "slot_apps:asgi"],
}
REPLACE = ("gunicorn", "gunicorn threads", "gunicorn preload", "gunicorn uvicorn", "uvicorn")
"""Those that start another worker for one that was killed."""


def ask(port: int) -> dict[str, Any] | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            told: dict[str, Any] = json.load(answer)
            return told
    except (OSError, urllib.error.URLError):
        return None


def both(process: Process, port: int, other_than: int = 0) -> list[dict[str, Any]]:
    """Ask until two workers have answered; all that was said."""
    said: list[dict[str, Any]] = []

    def two() -> bool | None:
        told = ask(port)
        if told is not None and told["pid"] != other_than:
            said.append(told)
        return len({told["pid"] for told in said}) == 2 or None

    process.until(two, 60)
    return said


@pytest.mark.parametrize("server", SERVERS)
def test_two_workers_are_one_service(tmp_path: Path, server: str) -> None:
    port = free_port()
    program, *arguments = [word.format(port=port) for word in SERVERS[server]]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    process = Process.start([BIN / program, *arguments], tmp_path / "out", env)
    try:
        said = both(process, port)
        assert [told["total"] for told in said] == [float(number) for number in range(1, len(said) + 1)]
        assert {told["slots"] for told in said} <= {1, 2}
        assert (said[-1]["slots"], said[-1]["alive"]) == (2, 2)
        assert said[-1]["why"]
        if server not in REPLACE:
            return
        killed = said[-1]["pid"]
        os.kill(killed, signal.SIGKILL)
        after = both(process, port, killed)
        assert (after[-1]["slots"], after[-1]["alive"]) == (2, 2)
        # A request that met the dying worker may have been counted, and not answered.
        totals = [told["total"] for told in after]
        assert totals == sorted(totals)
        assert len(said) + len(after) <= totals[-1] <= len(said) + len(after) + 20
    finally:
        process.stop()
