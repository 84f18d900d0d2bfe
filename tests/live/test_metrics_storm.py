"""
Real servers of several workers, all killed again and again under load while somebody reads their figures.

No counter ever falls, what was answered is counted, and there are never more files than there were workers.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from .process import Process, free_port

pytestmark = pytest.mark.live

BIN = Path(sys.executable).parent
GUNICORN = ["gunicorn", "-w", "3", "-b", "127.0.0.1:{port}", "--max-requests", "300", "--max-requests-jitter", "100"]
SERVERS = {
    "gunicorn": ("wsgi", GUNICORN),
    "gunicorn threads": ("wsgi", [*GUNICORN, "-k", "gthread", "--threads", "4"]),
    "gunicorn gevent": ("wsgi", [*GUNICORN, "-k", "gevent"]),
    "gunicorn preload": ("wsgi", [*GUNICORN, "--preload", "-k", "gthread", "--threads", "4"]),
    "gunicorn uvicorn": ("asgi", [*GUNICORN, "-k", "uvicorn.workers.UvicornWorker"]),
    "uvicorn": ("asgi", ["uvicorn", "--workers", "3", "--port", "{port}", "--no-access-log"]),
    "hypercorn": ("asgi", ["hypercorn", "-w", "3", "-b", "127.0.0.1:{port}"]),
    "granian": ("asgi", ["granian", "--interface", "asgi", "--workers", "3", "--port", "{port}"]),
}
REPLACE = frozenset(SERVERS) - {"hypercorn", "granian"}
"""Those that start another worker for one that was killed."""

REQUESTS = "http_server_request_duration_seconds_count"
KILLS = int(os.environ.get("KILLS", "6"))
"""Times that two workers are killed at once; a hundred for the whole show."""
WORKERS = 3
SPARE = 2
"""Slots that recycling may take besides: a new worker starts before the old one is quite gone."""


class Load:
    """Clients that ask without pause; what they were answered."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answered: Counter[int] = Counter()
        self.sent = 0
        self.pids: set[int] = set()
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(seed,)) for seed in range(4)]
        for thread in self.threads:
            thread.start()

    def _run(self, seed: int) -> None:
        chance = random.Random(seed)
        while not self.ended.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            try:
                for _ in range(chance.randrange(1, 20)):
                    method = chance.choice(("GET", "POST", f"BREW{chance.randrange(1000)}"))
                    path = f"/{chance.choice(('orders', 'never'))}/{chance.randrange(1_000_000)}"
                    self.sent += 1
                    connection.request(
                        method, path, headers={"x-who": str(chance.randrange(10_000)), "host": str(seed)}
                    )
                    answer = connection.getresponse()
                    body = answer.read()
                    if answer.status != 400:  # Of a server that knows fewer methods than we send.
                        self.answered[answer.status] += 1
                    if answer.status == 200 and body.isdigit():
                        self.pids.add(int(body))
            except (OSError, http.client.HTTPException):
                self.ended.wait(0.02)
            finally:
                connection.close()

    def stop(self) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()


def scrape(port: int) -> dict[tuple[str, tuple[tuple[str, str], ...]], float] | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read().decode()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    assert answer.status == 200, text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if family.type in {"counter", "histogram"}
    }


def counted(page: dict[Any, float], name: str) -> float:
    """All label sets of *name* together; reading the page is left out."""
    return sum(
        value for (found, own), value in page.items() if found == name and dict(own).get("http_route") != "/metrics"
    )


@pytest.fixture(params=SERVERS)
def server(request: Any, tmp_path: Path) -> Iterator[tuple[str, Process, int, Path]]:
    figures = tmp_path / "figures"
    figures.mkdir(0o700)
    port = free_port()
    kind, command = SERVERS[request.param]
    program, *arguments = [word.format(port=port) for word in command]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "FIGURES": str(figures), "KIND": kind}
    process = Process.start([BIN / program, *arguments, "stormed:app"], tmp_path / "out", env)
    try:
        process.until(lambda: scrape(port), 60)
        yield request.param, process, port, figures
    finally:
        process.stop()


def test_counters_outlive_their_workers(server: tuple[str, Process, int, Path]) -> None:
    name, process, port, figures = server
    load = Load(port)
    last: dict[Any, float] = {}
    fallen: list[Any] = []
    killed = 0

    def look() -> bool | None:
        page = scrape(port)
        if page is None:
            return None
        fallen.extend((key, value, page.get(key)) for key, value in last.items() if page.get(key, -1) < value)
        last.clear()
        last.update(page)
        return True

    try:
        for _ in range(KILLS):
            load.pids.clear()
            process.until(lambda: len(load.pids) >= 2 or None, 60)
            for pid in list(load.pids)[: 2 if name in REPLACE else 0]:
                with contextlib.suppress(ProcessLookupError):  # Recycled.
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
            for _ in range(5):
                process.until(look, 60)
    finally:
        load.stop()
    answered = sum(load.answered.values())
    # A client may have its answer, and a worker may be killed, just before the request is over and counted.
    with contextlib.suppress(AssertionError):  # Which would say how many are missing.
        process.until(lambda: (look() and counted(last, REQUESTS) >= answered - killed) or None)
    assert answered - killed <= counted(last, REQUESTS) <= load.sent, (load.answered, answered, killed, last)
    assert not fallen, fallen[:5]
    assert answered > 100
    assert 0 < len([*figures.rglob("slot-*")]) <= WORKERS + SPARE
    labels = {own for found, own in last if found == REQUESTS}
    assert len(labels) <= 20, labels
    assert counted(last, "midwatch_metrics_file_errors_total") == 0
    who = [own for found, own in last if found == "orders_placed_total"]
    # Of each family as many as one slot may have, for each slot.
    assert len(who) <= (100 + 1) * (WORKERS + SPARE)
