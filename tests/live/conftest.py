"""Real servers as processes: started on a free port, stopped by their process id."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from ..destinations.syslog_peer import Authority, authority
from .collectors import collector, rotel, to, zipkin

__all__ = ["collector", "rotel", "to", "zipkin"]

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent

SERVERS = {
    "uvicorn": ["uvicorn", "--port", "{port}", "--no-access-log", "apps:{app}"],
    "uvicorn h11": ["uvicorn", "--port", "{port}", "--http", "h11", "--loop", "asyncio", "apps:{app}"],
    "hypercorn": ["hypercorn", "--bind", "127.0.0.1:{port}", "apps:{app}"],
    "granian": ["granian", "--interface", "asgi", "--port", "{port}", "--no-ws", "apps:{app}"],
    "gunicorn asgi": ["gunicorn", "-k", "asgi", "--bind", "127.0.0.1:{port}", "apps:{app}"],
    "gunicorn": ["gunicorn", "--bind", "127.0.0.1:{port}", "apps:{app}"],
    "gunicorn threads": ["gunicorn", "--threads", "4", "--bind", "127.0.0.1:{port}", "apps:{app}"],
    "gunicorn preload": ["gunicorn", "--preload", "--workers", "2", "--bind", "127.0.0.1:{port}", "apps:{app}"],
    "waitress": ["waitress-serve", "--listen", "127.0.0.1:{port}", "apps:{app}"],
    "granian wsgi": ["granian", "--interface", "wsgi", "--port", "{port}", "apps:{app}"],
}


@dataclass
class Server:
    """One running server."""

    url: str
    port: int
    process: subprocess.Popen[bytes]
    folder: Path

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Signal the server and wait for its end; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(20)

    def until(self, requests: int) -> None:
        """Wait until so many request lines are written: some servers end without telling anyone."""
        until = time.monotonic() + 10
        while len(self.requests()) < requests:
            assert time.monotonic() < until, self.requests()
            time.sleep(0.01)  # nothing tells when a foreign process has written

    def lines(self, name: str) -> list[dict[str, Any]]:
        """What is in `log`, `spans` or `audit`."""
        path = self.folder / f"{name}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def spans(self) -> list[dict[str, Any]]:
        """The spans of all batches."""
        return [
            span
            for batch in self.lines("spans")
            for resource in batch["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]

    def requests(self) -> list[dict[str, Any]]:
        """The request lines."""
        return [line for line in self.lines("log") if line["logger"] == "midwatch.request"]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str, str], Server]]:
    """Start a server; skipped where it is not installed."""
    running: list[Server] = []

    def start(server: str, app: str) -> Server:
        command = SERVERS[server]
        program = shutil.which(command[0], path=str(BIN))
        if program is None:
            pytest.skip(f"{command[0]} is not installed")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        arguments = [part.format(port=port, app=app) for part in command[1:]]
        environment = {**os.environ, "MIDWATCH_DIR": str(tmp_path), "PYTHONPATH": str(HERE)}
        with (tmp_path / "server.out").open("wb") as out:
            process = subprocess.Popen([program, *arguments], cwd=tmp_path, env=environment, stdout=out, stderr=out)
        found = Server(f"http://127.0.0.1:{port}", port, process, tmp_path)
        running.append(found)
        _wait(found)
        return found

    yield start
    for server in running:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


def _wait(server: Server) -> None:
    """Until the port answers a connection; a request would leave a line."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        assert server.process.poll() is None, (server.folder / "server.out").read_text()
        try:
            socket.create_connection(("127.0.0.1", server.port), 1).close()
        except OSError:
            time.sleep(0.05)  # nothing tells when a foreign process listens
        else:
            return
    raise AssertionError(f"the server does not listen: {(server.folder / 'server.out').read_text()}")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Of servers on this machine, signed by an authority that nobody else knows."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificates, is not installed")
    return authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """A keep-alive client, as load balancers are."""
    with httpx.Client(timeout=10) as client:
        yield client
