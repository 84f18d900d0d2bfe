"""Servers that stand still for a while: as on a machine that is moved, or in a container that is paused."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .draining import ask, children
from .process import Process, free_port

pytestmark = pytest.mark.live

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent

SERVERS = {
    "uvicorn": ("asgi", ["uvicorn", "--no-access-log", "--port", "{port}", "frozen_apps:app"]),
    "gunicorn gthread": ("wsgi", ["gunicorn", "--threads", "4", "--bind", "127.0.0.1:{port}", "frozen_apps:app"]),
}

FROZEN = 1.2
"""Seconds: more than results count there, and than a run may take."""

POLLERS = 20
"""Of each path."""

PATHS = ["/health/ready", "/health/live"]


class Answer(NamedTuple):
    path: str
    status: int
    document: dict[str, Any]


class Server(NamedTuple):
    process: Process
    port: int
    worker: int

    def looks(self, words: str) -> None:
        """Wait until the check says *words* once more."""
        before = self.process.said().count(f"{words}\n")
        self.process.until(lambda: self.process.said().count(f"{words}\n") > before or None)

    def frozen(self) -> list[Answer]:
        """What those are answered who ask while it stands still, each on a connection of its own."""

        async def everybody() -> list[Answer]:
            os.kill(self.worker, signal.SIGSTOP)
            try:
                asked = [asyncio.create_task(self._asked(path)) for path in PATHS * POLLERS]
                await asyncio.sleep(FROZEN)  # nothing happens in a process that stands still
            finally:
                os.kill(self.worker, signal.SIGCONT)
            return await asyncio.gather(*asked)

        return asyncio.run(everybody())

    async def _asked(self, path: str) -> Answer:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            answer = await asyncio.wait_for(reader.read(), 20)
        finally:
            writer.close()  # At once: gunicorn waits for it, and for no other meanwhile.
        head, _, body = answer.partition(b"\r\n\r\n")
        return Answer(path, int(head.split()[1]), json.loads(body))


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    kind, command = SERVERS[request.param]
    port = free_port()
    env = {**os.environ, "PYTHONPATH": str(HERE), "FROZEN_KIND": kind}
    parts = [part.format(port=port) for part in command[1:]]
    process = Process.start([BIN / command[0], *parts], tmp_path / "out", env)
    try:
        process.until(lambda: ask(port, path="/health/ready") == 200 or None)
        yield Server(process, port, next(iter(children(process.popen.pid)), process.popen.pid))
    finally:
        process.stop(signal.SIGTERM)


@pytest.mark.parametrize("words", ["it looks", "it has looked"])
def test_what_was_found_before_is_not_shown_as_new(server: Server, words: str) -> None:
    """
    Whoever asked meanwhile is answered: what passes was looked at afterwards, else it says why it does not.

    Also of a run that was under way; and it is well again by itself.
    """
    why: set[str] = set()
    told = {"it looks": "timeout", "it has looked": "stale: nothing new for 0.7 s"}[words]
    until = time.monotonic() + 60
    while told not in why:
        assert time.monotonic() < until, why
        server.looks(words)
        stopped = time.time()
        for path, status, document in server.frozen():
            if path == "/health/live":
                assert (status, document) == (200, {"status": "pass"})
                continue
            (member,) = document["checks"]["it"]
            if status == 200:
                assert member["observedValue"] >= stopped
            else:
                assert (status, member["status"]) == (503, "fail")
                why.add(member["output"])
        server.process.until(lambda: ask(server.port, path="/health/ready") == 200 or None)
    print(sorted(why))
    assert "Traceback" not in server.process.said()
