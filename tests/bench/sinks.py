"""Log servers in a process of their own, which take everything and keep nothing: syslog over TCP, and Fluentd."""

from __future__ import annotations

import socketserver
import subprocess
import sys
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from .processes import Broken, command

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Sinks", "main", "sinks"]


class Sinks(NamedTuple):
    """Their ports."""

    syslog: int
    fluentd: int


@contextmanager
def sinks(syslog: int = 0, fluentd: int = 0) -> Iterator[Sinks]:
    """
    Both, at these ports or free ones, for as long as it lasts.

    Raises:
        Broken: they did not start.
    """
    process = subprocess.Popen(
        command("sinks", str(syslog), str(fluentd)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise Broken(f"sinks: ended with {process.wait(timeout=30)}; its words are above")
    try:
        yield Sinks(*map(int, line.split()))
    finally:
        if process.poll() is None:
            process.communicate("\n", timeout=30)


class _Syslog(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while self.request.recv(1 << 16):
            pass


class _Fluentd(socketserver.BaseRequestHandler):
    """Acknowledges each chunk; a message is known to be whole when it can be decoded."""

    def handle(self) -> None:
        held = b""
        while piece := self.request.recv(1 << 20):
            held += piece
            try:
                message: list[Any] = msgspec.msgpack.decode(held)
            except msgspec.DecodeError:
                continue
            held = b""
            chunk = message[-1].get("chunk") if isinstance(message[-1], dict) else None
            if chunk is not None:
                self.request.sendall(msgspec.msgpack.encode({"ack": chunk}))


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def main(*ports: int) -> int:
    """Serve until stdin has a line."""
    servers = [_Server(("127.0.0.1", port), handler) for port, handler in zip(ports, (_Syslog, _Fluentd), strict=True)]
    for server in servers:
        Thread(target=server.serve_forever, daemon=True).start()
    print(*(server.server_address[1] for server in servers), flush=True)
    sys.stdin.readline()
    return 0
