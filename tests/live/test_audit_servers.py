"""Servers with several processes, which come and go, over one store: every event is there, and no false alarm."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from midwatch.audit.stores import open_store
from midwatch.audit.verify.store import verify_store

from ..audit.writer.shelf import bodies, streams_in
from .process import Process, free_port
from .services import BIN, HERE

pytestmark = pytest.mark.live

REQUESTS = 600
CLIENTS = 12

RECYCLING = ["--max-requests", "50", "--max-requests-jitter", "20"]

SERVERS = {
    "gunicorn": ["gunicorn", "-w", "4", *RECYCLING, "-b", "127.0.0.1:{port}", "audit_apps:flask_app"],
    "gunicorn threads": [
        "gunicorn", "-w", "4", "--threads", "4", *RECYCLING, "-b", "127.0.0.1:{port}", "audit_apps:flask_app",
    ],
    "gunicorn preload": [
        "gunicorn", "--preload", "-w", "4", *RECYCLING, "-b", "127.0.0.1:{port}", "audit_apps:flask_app",
    ],
    "uvicorn": ["uvicorn", "--workers", "2", "--no-access-log", "--port", "{port}", "audit_apps:fastapi_app"],
}  # fmt: skip

RECYCLED = {"gunicorn": 8, "gunicorn threads": 8, "gunicorn preload": 8, "uvicorn": 2}
"""Processes that have served at least one request, at least."""


class Serving:
    """A server over a store of its own, and who asked it for what."""

    def __init__(self, folder: Path, server: str) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder}/audit.db"
        self.spill = folder / "spill"
        self.spill.mkdir()
        self.port = free_port()
        program, *options = [part.format(port=self.port) for part in SERVERS[server]]
        self.process = Process.start(
            [BIN / program, *options],
            folder / "server.out",
            {
                **os.environ,
                "PYTHONPATH": os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), str(HERE)]),
                "MIDWATCH_STORE": self.url,
                "MIDWATCH_SPILL": str(self.spill),
            },
        )
        self.process.listens(self.port)

    def ask(self, first: int, count: int) -> dict[str, str]:
        """*count* requests by several clients at once; the user of each one that was answered, by its id."""
        answered: dict[str, str] = {}

        def ask(number: int) -> None:
            user, request_id = f"user{number % 7}", f"r{number}"
            headers = {"x-user": user, "x-request-id": request_id, "connection": "close"}
            try:
                answer = client.post(f"http://127.0.0.1:{self.port}/orders/{number}", headers=headers)
            except httpx.TransportError:
                return  # Its process ended before it was read: nothing was promised.
            assert answer.status_code == 200
            answered[request_id] = user
            self.pids.add(int(answer.text))

        with httpx.Client(timeout=20) as client, ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(ask, range(first, first + count)))
        return answered

    pids: set[int] = set()  # noqa: RUF012 - set anew by the fixture

    def events(self) -> list[dict[str, Any]]:
        """All events, of chains each of which is whole."""
        return [body for rows in streams_in(self.url) for body in bodies(rows)]

    def check(self, answered: dict[str, str]) -> None:
        """Each request that was answered has its event, one, with who it was and what they did; and all is sound."""
        events = self.events()
        requests = Counter(body["request_id"] for body in events if body["kind"] == "request")
        actions = Counter(body["request_id"] for body in events if body["action"] == "order.buy")
        assert answered.keys() <= requests.keys()
        assert {*requests.values(), *actions.values()} == {1}
        for body in events:
            if body["kind"] != "system" and body["request_id"] in answered:
                assert body["actor"]["id"] == answered[body["request_id"]]
            if body["action"] == "order.buy":
                assert body["resource"] == [{"type": "order", "id": body["request_id"][1:]}]
        assert not [body for body in events if body["action"] == "audit.gap"]
        assert not [*self.spill.rglob("*.spill")]
        store = open_store(self.url, read_only=True)
        store.open()
        try:
            verdict = verify_store(store)
        finally:
            store.close()
        alarms = [finding for finding in verdict.findings if finding.severity == "tampered"]
        assert (verdict.state, alarms) == ("sound", []), verdict.text()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Any]:
    running: list[Serving] = []

    def start(server: str) -> Serving:
        found = Serving(tmp_path, server)
        found.pids = set()
        running.append(found)
        return found

    yield start
    for server in running:
        server.process.stop(signal.SIGKILL)


@pytest.mark.parametrize("server", SERVERS)
def test_every_request_of_every_process_is_in_the_store(serving: Any, server: str) -> None:
    running = serving(server)
    answered = running.ask(0, REQUESTS)
    assert running.process.stop() in {0, -signal.SIGTERM}, running.process.said()

    assert len(answered) > REQUESTS * 0.9
    assert len(running.pids) >= RECYCLED[server]
    running.check(answered)
    events = running.events()
    opened = {body["stream"] for body in events if body["action"] == "stream.open"}
    closed = {body["stream"] for body in events if body["action"] == "stream.close"}
    assert len(opened) >= len(running.pids)
    assert closed == opened, "every process had the time to say that it ends"


def test_a_worker_that_is_killed_costs_nothing_that_was_answered(serving: Any) -> None:
    """Nor is it an alarm."""
    running = serving("gunicorn threads")
    answered = running.ask(0, 100)
    for pid in running.pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # It was recycled.
    answered |= running.ask(100, 100)
    assert running.process.stop() == 0
    running.check(answered)
