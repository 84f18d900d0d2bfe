"""The watchdog of a real server: who blocks is named, and who does not is left alone."""

from __future__ import annotations

import http.client
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .process import Process, free_port

pytestmark = pytest.mark.live

BIN = Path(sys.executable).parent
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Server:
    """uvicorn, and what it says of its loop."""

    def __init__(self, process: Process, port: int) -> None:
        self.process, self.port = process, port

    def ask(self, path: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def lines(self) -> list[str]:
        return [line for line in self.process.said().splitlines() if "the event loop" in line]

    def blamed(self, path: str, word: str) -> str:
        """The line with *word* about what *path* does; asked again where the machine itself stood still meanwhile."""

        def look() -> str | None:
            self.ask(path)
            return next((line for line in self.lines() if word in line), None)

        return self.process.until(look, 60)


@pytest.fixture(params=["asyncio", "uvloop"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    port = free_port()
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "KIND": "asgi", "TRACES": str(tmp_path / "traces")}
    command = [BIN / "uvicorn", "--loop", request.param, "--port", str(port), "--no-access-log", "stormed:app"]
    process = Process.start(command, tmp_path / "out", env)
    try:
        process.listens(port)
        made = Server(process, port)
        made.ask("/orders/1")
        yield made
    finally:
        process.stop()


def test_who_blocks_is_named_once_a_minute(server: Server) -> None:
    line = server.blamed("/block/0.6", "block: time.sleep")
    for _ in range(3):
        server.ask("/block/0.6")
    for part in ("stormed.py:", "GET /block/{seconds}", f"trace {TRACE}", "request ", "s so far"):
        assert part in line, line
    assert sum("block: time.sleep" in line for line in server.lines()) == 1
    page = server.ask("/metrics")
    (counted,) = [line for line in page.splitlines() if line.startswith('event_loop_blocked_total{cause="blocked"}')]
    assert float(counted.split()[-1]) >= 2


def test_many_short_ones_are_no_culprit(server: Server) -> None:
    assert server.blamed("/many", "is busy with too many tasks")


def test_a_loop_that_is_busy_and_answers_is_left_alone(server: Server) -> None:
    server.ask("/busy")
    assert not [line for line in server.lines() if "busy" in line or "is blocked" in line]


def test_a_call_that_keeps_the_interpreter_lock_is_told_apart(server: Server) -> None:
    assert server.blamed("/holds", "kept the interpreter lock")


def test_a_process_that_was_stopped_blames_nobody(server: Server) -> None:
    server.process.popen.send_signal(signal.SIGSTOP)
    time.sleep(1)  # as long as it stands still
    server.process.popen.send_signal(signal.SIGCONT)
    assert server.blamed("/orders/1", "used no CPU time")
    assert not [line for line in server.lines() if "is blocked" in line or "it serves" in line]
