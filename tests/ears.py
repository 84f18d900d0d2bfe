"""Servers on the loopback that take what comes, keep every byte of it, and answer as much as a client needs."""

from __future__ import annotations

import contextlib
import gzip
import socketserver
import threading
from typing import Any, Self

__all__ = ["Ears"]


class Ears:
    """
    One port for each way of speaking; use it as a context manager.

    Attributes:
        heard: What came in, by the name of the port, bodies unpacked.
    """

    def __init__(self) -> None:
        self.heard: dict[str, bytes] = {}
        self._servers: list[Any] = []
        self._news = threading.Condition()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def port(self, name: str, kind: str) -> int:
        """A port called *name* that speaks `http`, `smtp`, or only listens (`bytes`)."""
        ears = self

        class Handler(socketserver.StreamRequestHandler):
            timeout = 10

            def handle(self) -> None:
                with contextlib.suppress(OSError):  # The client may go; what it said is kept.
                    getattr(ears, f"_{kind}")(name, self)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self._servers.append(server)
        self.heard[name] = b""
        port: int = server.server_address[1]
        return port

    def _keep(self, name: str, data: bytes) -> bytes:
        with self._news:
            self.heard[name] += data
            self._news.notify_all()
        return data

    def until(self, name: str, text: bytes) -> None:
        """Wait until *text* has come: what was sent may still be in the kernel."""
        with self._news:
            assert self._news.wait_for(lambda: text in self.heard[name], 10), f"{name} has not heard {text!r}"

    def _bytes(self, name: str, handler: Any) -> None:
        while data := handler.connection.recv(65536):
            self._keep(name, data)

    def _http(self, name: str, handler: Any) -> None:
        while line := self._keep(name, handler.rfile.readline()):
            length, packed = 0, False
            while line.strip():
                line = self._keep(name, handler.rfile.readline())
                key, _, value = line.decode("latin-1").lower().partition(":")
                length = int(value) if key == "content-length" else length
                packed = packed or (key == "content-encoding" and "gzip" in value)
            body = handler.rfile.read(length)
            self._keep(name, gzip.decompress(body) if packed else body)
            handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

    def _smtp(self, name: str, handler: Any) -> None:
        handler.wfile.write(b"220 ears\r\n")
        while line := self._keep(name, handler.rfile.readline()):
            verb = line[:4].upper()
            if verb == b"EHLO":
                handler.wfile.write(b"250-ears\r\n250 AUTH PLAIN LOGIN\r\n")
            elif verb == b"DATA":
                handler.wfile.write(b"354 go on\r\n")
                while self._keep(name, handler.rfile.readline()) not in {b".\r\n", b""}:
                    pass
                handler.wfile.write(b"250 taken\r\n")
            elif verb == b"AUTH":
                handler.wfile.write(b"235 known\r\n")
            else:
                handler.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 well\r\n")
