"""A load generator for machines without wrk: kept-alive connections over raw sockets, one request at a time on each."""

from __future__ import annotations

import asyncio
import re
from time import perf_counter
from typing import Final, final

from .calls import HEADERS, PATH

__all__ = ["REQUEST", "drive"]

REQUEST: Final = "".join(
    [f"GET {PATH} HTTP/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in HEADERS.items()), "\r\n"]
).encode()

_length: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE).search


@final
class _Connection(asyncio.Protocol):
    """Asks, and asks again when the answer is complete."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.answered = 0
        self.failed: str | None = None
        self._received = b""
        self._stopped = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _length(self._received, 0, end)
        if length is None or not self._received.startswith(b"HTTP/1.1 200"):
            self.failed = self._received[:80].decode("latin-1")
            self.transport.close()
        elif len(self._received) >= end + 4 + int(length[1]):
            self._received = b""
            self.answered += 1
            if not self._stopped:
                self.transport.write(REQUEST)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._stopped and self.failed is None:
            self.failed = f"the server closed the connection: {exc}"

    def stop(self) -> None:
        self._stopped = True
        self.transport.close()


async def drive(port: int, seconds: float, connections: int) -> float:
    """
    Requests answered per second.

    Raises:
        ConnectionError: an answer was no 200, or the server closed a connection.
    """
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(_Connection, "127.0.0.1", port) for _ in range(connections)]
    running = [connection for _, connection in made]
    earlier, started = sum(connection.answered for connection in running), perf_counter()
    await asyncio.sleep(seconds)
    answered, taken = sum(connection.answered for connection in running) - earlier, perf_counter() - started
    for connection in running:
        connection.stop()
        if connection.failed is not None:
            raise ConnectionError(connection.failed)
    return answered / taken
