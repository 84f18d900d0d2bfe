"""A server of lines that acknowledges each batch, and may go and come back at the same port."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Final, final

__all__ = ["SENDER", "Receiver"]

SENDER: Final = """
import os, socket, sys, threading, time
from itertools import count
from pathlib import Path
from midwatch import delivery
from midwatch.delivery import Channel, channels, detour, figures, flush, spill
from midwatch.delivery.spilling import spilling
from midwatch.destinations import Entry

delivery.last_words.__defaults__ = (0.2,)  # seconds
port, folder = int(sys.argv[1]), Path(sys.argv[2])
connection = None

def deliver(batch):
    global connection
    try:
        if connection is None:
            connection = socket.create_connection(("127.0.0.1", port), 5)
        connection.sendall("".join(entry.text + "\\n" for entry in batch).encode() + b"\\n")
        if connection.recv(1) != b"k":
            raise OSError("not acknowledged")
    except OSError:
        if connection is not None:
            connection.close()
        connection = None
        raise

network = Channel("lines", deliver, apart=True, max_items=50_000)
channel = spilling(network, folder, 64 << 20)

def put(*numbers):
    for number in numbers:
        channel.put(Entry(1.0, "INFO", "app", str(number)), 10)

def settled(done):
    for _ in range(3000):
        if done():
            return
        time.sleep(0.01)  # What the other end has taken, it tells nobody.
    raise SystemExit("it takes too long")
"""
"""The beginning of a script whose lines go to a receiver; its arguments are a port and a folder."""


@final
class Receiver:
    """What has arrived, in order, once the batch that it came with was acknowledged or could not be."""

    def __init__(self) -> None:
        self.arrived: list[int] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._listener.close()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def up(self) -> None:
        """Listen; nothing if it does."""
        if not self._open:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=16)
            self._open = [self._listener]
            self._started(self._accept, self._listener)

    def down(self) -> None:
        """Break all connections, and listen no more."""
        connections, self._open = self._open, []
        for one in connections:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in connections:
            one.close()
        self._threads.clear()

    def _started(self, target: object, one: socket.socket) -> None:
        self._threads.append(threading.Thread(target=target, args=(one,)))  # type: ignore[arg-type]
        self._threads[-1].start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            rest = b""
            while data := connection.recv(1 << 16):
                rest += data
                *batches, rest = rest.split(b"\n\n")
                for batch in batches:
                    self.arrived += map(int, batch.split())
                    connection.sendall(b"k")
