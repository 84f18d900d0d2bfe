"""HAProxy's agent check: a server's weight follows its load, a drain takes the traffic, the operator has the word."""

from __future__ import annotations

import csv
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from .fetch_haproxy import MissingError, environment, program
from .process import Process, free_port

pytestmark = pytest.mark.live

HERE = Path(__file__).parent

CONFIG = """
global
    stats socket {folder}/haproxy.sock mode 600 level admin
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend all
    bind 127.0.0.1:{front}
    default_backend orders
backend orders
    server one 127.0.0.1:{port} check inter 200ms weight 200 agent-check agent-port {agent} agent-inter 200ms
"""


class Balanced:
    """A service behind HAProxy."""

    def __init__(self, folder: Path, haproxy: Process, front: int, port: int) -> None:
        self.folder, self.haproxy = folder, haproxy
        self.direct = f"http://127.0.0.1:{port}"
        self.url = f"http://127.0.0.1:{front}"
        self.held: list[threading.Thread] = []

    def say(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.folder / "haproxy.sock"))
            admin.sendall(command.encode() + b"\n")
            found = b""
            while piece := admin.recv(65536):
                found += piece
            return found.decode()

    def server(self) -> dict[str, str]:
        lines = self.say("show stat").lstrip("# ").splitlines()
        return next(row for row in csv.DictReader(lines) if row["svname"] == "one")

    def until(self, done: Callable[[dict[str, str]], bool]) -> dict[str, str]:
        def look() -> dict[str, str] | None:
            found = self.server()
            return found if done(found) else None

        return self.haproxy.until(look, 60)

    def hold(self, requests: int, url: str | None = None) -> None:
        for _ in range(requests):
            thread = threading.Thread(target=httpx.get, args=(f"{url or self.url}/hold",), kwargs={"timeout": 60})
            thread.start()
            self.held.append(thread)

    def release(self) -> None:
        (self.folder / "released").touch()
        for thread in self.held:
            thread.join()
        self.held.clear()


def balanced(folder: Path, workers: int) -> Iterator[Balanced]:
    try:
        haproxy = program("haproxy")
    except MissingError as missing:
        pytest.skip(str(missing))
    port, agent, front = free_port(), free_port(), free_port()
    slots = folder / "slots"
    env = {**os.environ, "FOLDER": str(folder), "AGENT": f"127.0.0.1:{agent}", "PYTHONPATH": str(HERE)}
    if workers > 1:
        env["SLOTS"] = str(slots)
    command = [sys.executable, "-m", "uvicorn", "saturated:app", "--port", str(port), "--workers", str(workers)]
    served = Process.start(command, folder / "served.out", env)
    config = folder / "haproxy.cfg"
    config.write_text(CONFIG.format(folder=folder, port=port, agent=agent, front=front))
    try:
        served.listens(agent)
        served.listens(port)
        started = Process.start([haproxy, "-db", "-f", config], folder / "haproxy.out", environment("haproxy"))
        try:
            started.listens(front)
            service = Balanced(folder, started, front, port)
            yield service
            service.release()
        finally:
            started.stop()
    finally:
        served.stop()


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Balanced]:
    yield from balanced(tmp_path, 1)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Balanced]:
    yield from balanced(tmp_path, 2)


def weight(found: dict[str, str]) -> int:
    return int(found["weight"])


def test_the_weight_follows_the_load(one: Balanced) -> None:
    one.until(lambda found: found["status"].startswith("UP") and weight(found) == 200)
    one.hold(5)
    one.until(lambda found: 96 <= weight(found) <= 104)
    one.hold(5)
    one.until(lambda found: weight(found) <= 10)
    assert weight(one.server()) >= 1
    assert one.server()["status"].startswith("UP")
    one.release()
    one.until(lambda found: weight(found) >= 150)


def test_while_it_drains_it_has_no_weight_and_gets_it_back(one: Balanced) -> None:
    one.until(lambda found: weight(found) == 200)
    (one.folder / "draining").touch()
    one.until(lambda found: weight(found) == 0)
    assert httpx.get(one.url).status_code == 503
    (one.folder / "draining").unlink()
    one.until(lambda found: weight(found) == 200)
    assert httpx.get(one.url).status_code == 200


@pytest.mark.parametrize("state", ["maint", "drain"])
def test_what_the_operator_has_set_stays(one: Balanced, state: str) -> None:
    """The agent still sets the weight, which shows that its answers are read."""
    one.until(lambda found: found["status"].startswith("UP") and weight(found) == 200)
    one.say(f"set server orders/one state {state}")
    one.until(lambda found: found["status"].startswith(state.upper()))
    one.hold(5, one.direct)
    one.until(lambda found: "100" in one.say("get weight orders/one").split()[0])
    assert one.server()["status"].startswith(state.upper())
    one.say("set server orders/one state ready")
    one.until(lambda found: found["status"].startswith("UP") and weight(found) == 100)


def test_two_workers_answer_with_the_load_of_both(two: Balanced) -> None:
    two.until(lambda found: weight(found) == 200)
    two.hold(10)
    seen: list[int] = []

    def settled(found: dict[str, str]) -> bool:
        seen.append(weight(found))
        return len(seen) > 50 and all(96 <= one <= 104 for one in seen[-50:])

    two.until(settled)
