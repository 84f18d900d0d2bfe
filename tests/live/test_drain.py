"""Ending without lost requests: real servers, real signals, and HAProxy that finds out by itself."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from .draining import Instances, ask, children
from .fetch_haproxy import MissingError, program
from .process import PAUSE, Process, free_port

pytestmark = pytest.mark.live

DRAINED = [
    "uvicorn", "uvicorn workers", "gunicorn uvicorn", "gunicorn sync", "gunicorn sync preload", "gunicorn gthread",
    "gunicorn gevent",
]  # fmt: skip
NOT_DRAINED = [
    "gunicorn gthread preload", "gunicorn asgi", "hypercorn", "hypercorn module", "hypercorn workers", "granian",
    "granian wsgi", "waitress",
]  # fmt: skip

DELAY = 2.0


@pytest.fixture
def instances(tmp_path: Path) -> Iterator[Instances]:
    with Instances(tmp_path) as instances:
        yield instances


@pytest.fixture
def _haproxy() -> None:
    try:
        program("haproxy")
    except MissingError as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("server", DRAINED)
def test_sigterm_drains(instances: Instances, server: str) -> None:
    """Readiness turns 503, requests are served for the whole delay, and the server ends as it does without us."""
    port = free_port()
    process = instances.start(server, port, DRAIN_DELAY=str(DELAY))
    process.until(lambda: "SIGTERM drains" in process.said() or None)

    process.popen.send_signal(signal.SIGTERM)
    signalled = time.monotonic()
    process.until(lambda: ask(port, path="/health/ready") == 503 or None)
    while time.monotonic() < signalled + DELAY - 0.3:
        assert ask(port) == 200
        assert ask(port, path="/health/ready") == 503
        assert ask(port, path="/health/live") == 200

    assert process.popen.wait(20) == (-signal.SIGTERM if server == "uvicorn" else 0)
    assert time.monotonic() >= signalled + DELAY - 0.1
    assert "Traceback" not in process.said()


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn sync", "gunicorn gthread"])
def test_a_second_sigterm_ends_it_at_once(instances: Instances, server: str) -> None:
    port = free_port()
    process = instances.start(server, port, DRAIN_DELAY="600")
    process.until(lambda: "SIGTERM drains" in process.said() or None)
    # gunicorn's master tells its workers once: by hand it is the worker that is told.
    told = next(iter(children(process.popen.pid)), process.popen.pid)
    process.popen.send_signal(signal.SIGTERM)
    process.until(lambda: ask(port, path="/health/ready") == 503 or None)
    until = time.monotonic() + 20
    while process.popen.poll() is None:
        assert time.monotonic() < until
        with suppress(ProcessLookupError):
            os.kill(told, signal.SIGTERM)
        time.sleep(PAUSE)  # one that comes at once is taken for an echo
    assert process.popen.wait() in {0, -signal.SIGTERM}


@pytest.mark.parametrize(
    "server", ["uvicorn", "uvicorn workers", "gunicorn sync", "gunicorn gthread", "gunicorn uvicorn"]
)
def test_all_processes_may_be_told_at_once(instances: Instances, server: str) -> None:
    """As systemd does: it drains all the same, though the master tells its workers once more."""
    port = free_port()
    process = instances.start(server, port, DRAIN_DELAY=str(DELAY))
    workers = children(process.popen.pid)
    process.until(lambda: process.said().count("SIGTERM drains") >= (2 if server == "uvicorn workers" else 1) or None)

    for one in (process.popen.pid, *workers):
        os.kill(one, signal.SIGTERM)
    signalled = time.monotonic()
    process.until(lambda: ask(port, path="/health/ready") == 503 or None)
    while time.monotonic() < signalled + DELAY - 0.3:
        assert ask(port) == 200
        assert ask(port, path="/health/ready") == 503
    assert process.popen.wait(20) in {0, -signal.SIGTERM}


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn sync", "gunicorn gthread"])
def test_an_interrupt_ends_it_at_once(instances: Instances, server: str) -> None:
    """Ctrl-C waits for nothing, also in the midst of a drain."""
    port = free_port()
    process = instances.start(server, port, DRAIN_DELAY="600")
    process.until(lambda: "SIGTERM drains" in process.said() or None)
    process.popen.send_signal(signal.SIGTERM)
    process.until(lambda: ask(port, path="/health/ready") == 503 or None)
    process.popen.send_signal(signal.SIGINT)
    assert process.popen.wait(20) in {0, -signal.SIGTERM, -signal.SIGINT}


@pytest.mark.parametrize("server", NOT_DRAINED)
def test_where_sigterm_does_not_drain_a_post_does(instances: Instances, server: str) -> None:
    """It is said at the start; preStop asks for a drain and waits for it, and requests are served meanwhile."""
    port = free_port()
    process = instances.start(server, port, DRAIN_DELAY=str(DELAY))
    process.until(lambda: "SIGTERM does not drain here" in process.said() or None)

    answers: list[int | None] = []
    hook = threading.Thread(target=lambda: answers.append(ask(port, "POST", "/health/drain?wait&seconds=1")))
    hook.start()
    process.until(lambda: ask(port, path="/health/ready") == 503 or None)
    while hook.is_alive():
        assert ask(port) == 200
        hook.join(PAUSE)

    assert answers == [200]
    process.stop()


@pytest.mark.parametrize("server", ["uvicorn workers", "gunicorn workers"])
def test_one_post_drains_all_workers(instances: Instances, tmp_path: Path, server: str) -> None:
    """And a DELETE, whoever gets it, has them all go on."""
    shared = tmp_path / "shared"
    shared.mkdir(0o700)
    port = free_port()
    process = instances.start(server, port, DRAIN_SHARED=str(shared))
    process.until(lambda: (ask(port) and process.said().count("SIGTERM drains") == 2) or None)  # Each has started.

    assert ask(port, "POST", "/health/drain?seconds=600") == 202
    process.until(lambda: process.said().count("draining for") == 2 or None)
    assert {ask(port, path="/health/ready") for _ in range(20)} == {503}
    assert ask(port, "DELETE", "/health/drain") == 200
    process.until(lambda: process.said().count("draining no more") == 2 or None)
    assert {ask(port, path="/health/ready") for _ in range(20)} == {200}
    process.stop()


def test_workers_that_are_replaced_go_on_draining(instances: Instances, tmp_path: Path) -> None:
    """`--max-requests`, under a load that has all of them replaced about at once."""
    shared = tmp_path / "shared"
    shared.mkdir(0o700)
    port = free_port()
    process = instances.start("gunicorn workers", port, "--max-requests", "10", DRAIN_SHARED=str(shared))
    assert ask(port, "POST", "/health/drain?seconds=600") == 202
    process.until(lambda: (ask(port) and process.said().count("draining for") >= 2) or None)  # Each has started.
    assert [ask(port, path="/health/ready") for _ in range(80)] == [503] * 80
    assert process.said().count("Booting worker") > 4
    process.stop(signal.SIGQUIT)


def test_requests_are_served_while_one_waits_for_the_end(instances: Instances) -> None:
    """However many ask for it: of the threads of a server, one waits."""
    port = free_port()
    process = instances.start("gunicorn gthread", port, DRAIN_DELAY="600")
    hooks = [threading.Thread(target=ask, args=(port, "POST", "/health/drain?wait")) for _ in range(8)]
    for hook in hooks:
        hook.start()
    process.until(lambda: ask(port, path="/health/ready") == 503 or None)
    for _ in range(20):
        assert ask(port) == 200
    assert ask(port, "DELETE", "/health/drain") == 200
    for hook in hooks:
        hook.join(20)
        assert not hook.is_alive()
    process.stop(signal.SIGQUIT)


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn gthread", "waitress"])
def test_pollers_at_once_against_a_check_that_hangs(instances: Instances, server: str) -> None:
    """All are answered while it hangs; it runs once, in one thread, and nothing is left of them."""
    port = free_port()
    process = instances.start(server, port, DRAIN_HANG="1")
    worker = (children(process.popen.pid) if server.startswith("gunicorn") else []) or [process.popen.pid]
    process.until(lambda: b"stuckSince" in polled(port, 1)[0] or None)
    polled(port, POLLERS)  # Threads of the server come.
    before = held(worker[0])
    answers = polled(port, POLLERS)
    assert all(b" 503 " in answer.split(b"\r\n")[0] for answer in answers)
    assert all(b"still running since" in answer or b"timeout" in answer for answer in answers)
    assert process.said().count("the check runs") == 1
    process.until(lambda: all(now <= was for now, was in zip(held(worker[0]), before, strict=True)) or None)


@pytest.mark.parametrize(
    "server", ["gunicorn sync", "gunicorn workers", "gunicorn gevent", "uvicorn", "hypercorn workers"]
)
def test_the_first_probe_passes(instances: Instances, server: str) -> None:
    """Of each worker, also where checks run only from its first request on."""
    port = free_port()
    process = instances.start(server, port)
    assert set(instances.probed) <= {None, 200}
    assert {ask(port, path="/health/ready") for _ in range(40)} == {200}
    process.stop(signal.SIGQUIT if server.startswith("gunicorn") else signal.SIGTERM)


POLLERS = 500


def polled(port: int, number: int) -> list[bytes]:
    """So many questions at once."""

    async def one() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health/ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return answer

    async def everybody() -> list[bytes]:
        return await asyncio.gather(*(one() for _ in range(number)))

    return asyncio.run(everybody())


def held(process: int) -> tuple[int, int]:
    """Threads and descriptors."""
    of = Path(f"/proc/{process}")
    return len(list((of / "task").iterdir())), len(list((of / "fd").iterdir()))


def test_a_file_drains(instances: Instances, tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "drain"
    process = instances.start("uvicorn", port, DRAIN_FILE=str(file))
    file.touch()
    process.until(lambda: ask(port, path="/health/ready") == 503 or None)
    file.unlink()
    process.until(lambda: ask(port, path="/health/ready") == 200 or None)


class Load(threading.Thread):
    """A client that keeps its connection, and asks as fast as it is answered."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port
        self.served = 0
        self.failures: list[str] = []
        self.over = threading.Event()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        while not self.over.is_set():
            try:
                connection.request("GET", "/")
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
                continue
            if response.status == 200:
                self.served += 1
            else:
                self.failures.append(str(response.status))
            self.over.wait(0.002)  # what is measured is whether, not how fast
        connection.close()


def started(instances: Instances, server: str, port: int) -> Process:
    process = instances.start(server, port, DRAIN_DELAY="1")
    process.until(lambda: "SIGTERM drains" in process.said() or None)
    return process


def restarted(instances: Instances, server: str, front: int, ports: list[int], running: list[Process]) -> None:
    """Restart one instance after the other under load: not one request fails."""
    clients = [Load(front) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        for number, port in enumerate(ports):
            running[number].stop()
            started(instances, server, port)
    finally:
        for client in clients:
            client.over.set()
        for client in clients:
            client.join(30)
    assert [client.failures for client in clients] == [[], [], [], []]
    assert min(client.served for client in clients) > 100
    print(server, sum(client.served for client in clients), "requests served")


@pytest.mark.usefixtures("_haproxy")
@pytest.mark.parametrize("server", DRAINED)
def test_rolling_restart_behind_haproxy(instances: Instances, server: str) -> None:
    """It finds out by its checks, and sends no more requests there."""
    ports = [free_port(), free_port()]
    running = [started(instances, server, port) for port in ports]
    _, front = instances.haproxy(ports)
    restarted(instances, server, front, ports, running)


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn gthread"])
def test_rolling_restart_behind_nginx(instances: Instances, server: str) -> None:
    """It finds out when a connection is refused, and asks the other: nothing that we answer meanwhile is a failure."""
    try:
        program("nginx")
    except MissingError as missing:
        pytest.skip(str(missing))
    ports = [free_port(), free_port()]
    running = [started(instances, server, port) for port in ports]
    _, front = instances.nginx(ports)
    restarted(instances, server, front, ports, running)


def _admin(out: Path, command: str) -> str:
    with socket.socket(socket.AF_UNIX) as admin:
        admin.connect(str(out.parent / "admin"))
        admin.sendall(f"{command}\n".encode())
        said = b""
        while chunk := admin.recv(65536):
            said += chunk
    return said.decode()


@pytest.mark.usefixtures("_haproxy")
def test_haproxy_stops_softly_on_404(instances: Instances) -> None:
    """With its profile and `disable-on-404`, a drained server gets no new sessions, and is not down."""
    port = free_port()
    process = instances.start("uvicorn", port, DRAIN_PROFILE="haproxy", DRAIN_DELAY="600")
    other = free_port()
    instances.start("uvicorn", other, DRAIN_PROFILE="haproxy")
    haproxy, front = instances.haproxy([port, other], "http-check disable-on-404")

    assert ask(port, "POST", "/health/drain") == 202
    assert ask(port, path="/health/ready") == 404

    def status() -> str | None:
        fields = [line.split(",") for line in _admin(haproxy.out, "show stat").splitlines()]
        found = next(line[17] for line in fields if line[1:2] == [f"s{port}"])
        return found if found == "NOLB" else None

    haproxy.until(status)
    assert {ask(front) for _ in range(10)} == {200}
    assert ask(port, "DELETE", "/health/drain") == 200
    haproxy.until(lambda: status() is None or None)
    process.popen.kill()
