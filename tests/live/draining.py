"""Servers that drain, and HAProxy in front of them."""

from __future__ import annotations

import http.client
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from .fetch_haproxy import environment, program
from .process import Process, free_port

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent

GUNICORN = ["gunicorn", "--bind", "127.0.0.1:{port}", "drain_apps:app"]

SERVERS: dict[str, tuple[str, list[str]]] = {
    "uvicorn": ("asgi", ["uvicorn", "--no-access-log", "--port", "{port}", "drain_apps:app"]),
    "uvicorn workers": ("asgi", ["uvicorn", "--workers", "2", "--no-access-log", "--port", "{port}", "drain_apps:app"]),
    "gunicorn uvicorn": ("asgi", [*GUNICORN, "-k", "uvicorn.workers.UvicornWorker"]),
    "gunicorn sync": ("wsgi", GUNICORN),
    "gunicorn sync preload": ("wsgi", [*GUNICORN, "--preload"]),
    "gunicorn gthread": ("wsgi", [*GUNICORN, "--threads", "4"]),
    "gunicorn workers": ("wsgi", [*GUNICORN, "--threads", "4", "--workers", "2"]),
    "gunicorn gthread preload": ("wsgi", [*GUNICORN, "--threads", "4", "--preload"]),
    "gunicorn gevent": ("wsgi", [*GUNICORN, "-k", "gevent"]),
    "gunicorn asgi": ("asgi", [*GUNICORN, "-k", "asgi"]),
    "hypercorn": ("asgi", ["hypercorn", "--bind", "127.0.0.1:{port}", "drain_apps:app"]),
    "hypercorn module": (
        "asgi",
        ["python", "-m", "hypercorn", "-w", "1", "--bind", "127.0.0.1:{port}", "drain_apps:app"],
    ),
    "hypercorn workers": (
        "asgi",
        ["python", "-m", "hypercorn", "-w", "2", "--bind", "127.0.0.1:{port}", "drain_apps:app"],
    ),
    "granian": ("asgi", ["granian", "--interface", "asgi", "--port", "{port}", "--no-ws", "drain_apps:app"]),
    "granian wsgi": ("wsgi", ["granian", "--interface", "wsgi", "--port", "{port}", "drain_apps:app"]),
    "waitress": ("wsgi", ["waitress-serve", "--listen", "127.0.0.1:{port}", "drain_apps:app"]),
}


def ask(port: int, method: str = "GET", path: str = "/", headers: Mapping[str, str] | None = None) -> int | None:
    """The status of one request by a connection of its own; None where none comes back."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, headers=dict(headers or {}))
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return None
    else:
        return response.status
    finally:
        connection.close()


def children(process: int) -> list[int]:
    """The processes that *process* has made."""
    try:
        return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


@dataclass
class Instances:
    """
    Started here, stopped when it is left.

    Attributes:
        probed: What its readiness was at the start of the latest; None where nobody answered.
    """

    folder: Path
    running: list[Process] = field(default_factory=list)
    probed: list[int | None] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.running:
            workers = children(process.popen.pid)
            with suppress(Exception):
                process.stop(signal.SIGKILL)
            for worker in workers:  # Some outlive their master.
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)

    def start(self, server: str, port: int, *options: str, **env: str) -> Process:
        """One instance behind *port*, once its readiness is told."""
        kind, command = SERVERS[server]
        environ = {**os.environ, "PYTHONPATH": str(HERE), "DRAIN_KIND": kind, **env}
        out = self.folder / f"{len(self.running)}.out"
        parts = [*(part.format(port=port) for part in command[1:]), *options]
        process = Process.start([BIN / command[0], *parts], out, environ)
        self.running.append(process)
        self.probed.clear()

        def told() -> bool | None:
            self.probed.append(ask(port, path="/health/ready"))
            return self.probed[-1] == (503 if "DRAIN_HANG" in env else 200) or None

        process.until(told)
        return process

    def haproxy(self, ports: list[int], *lines: str) -> tuple[Process, int]:
        """HAProxy before *ports*, with its default check of /health/ready; the port of its own."""
        port, folder = free_port(), self.folder / f"haproxy-{len(self.running)}"
        folder.mkdir()
        (folder / "haproxy.cfg").write_text(
            "\n".join(
                [
                    "global",
                    f"    stats socket {folder}/admin level admin",
                    "defaults",
                    "    mode http",
                    "    timeout connect 2s",
                    "    timeout client 20s",
                    "    timeout server 20s",
                    "frontend all",
                    f"    bind 127.0.0.1:{port}",
                    "    default_backend instances",
                    "backend instances",
                    "    option httpchk OPTIONS /health/ready",  # HTTP/1.0, without Host
                    *(f"    {line}" for line in lines),
                    *(f"    server s{at} 127.0.0.1:{at} check inter 100ms fall 1 rise 1" for at in ports),
                    "",
                ]
            )
        )
        process = Process.start(
            [program("haproxy"), "-db", "-f", folder / "haproxy.cfg"], folder / "out", environment("haproxy")
        )
        self.running.append(process)
        process.until(lambda: ask(port) == 200 or None)
        return process, port

    def nginx(self, ports: list[int]) -> tuple[Process, int]:
        """nginx before *ports*, which asks nobody how they are, and tries each time; the port of its own."""
        port, folder = free_port(), self.folder / f"nginx-{len(self.running)}"
        folder.mkdir()
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        (folder / "nginx.conf").write_text(
            "\n".join(
                [
                    "daemon off; master_process off;",
                    f"pid {folder}/pid; error_log stderr warn;",
                    "events {}",
                    "http {",
                    "    access_log off;",
                    *(f"    {kind}_temp_path {folder}/{kind};" for kind in kinds),
                    f"    upstream instances {{ {' '.join(f'server 127.0.0.1:{at} max_fails=0;' for at in ports)} }}",
                    f"    server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://instances; }} }}",
                    "}",
                    "",
                ]
            )
        )
        process = Process.start(
            [program("nginx"), "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf"],
            folder / "out",
            environment("nginx"),
        )
        self.running.append(process)
        process.until(lambda: ask(port) == 200 or None)
        return process, port
