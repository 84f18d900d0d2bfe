"""Servers for syslog senders: real sockets, and scripts that say what happens to each connection."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midwatch.destinations import Entry, Shipped

from .syslog_reader import read, split_octets

if TYPE_CHECKING:
    from midwatch.delivery import Channel

LONG = 30.0
"""Seconds after which a test has hung."""


class Connection:
    """One connection, as its script sees it."""

    def __init__(self, sock: socket.socket, stopped: threading.Event) -> None:
        self.sock = sock
        self.data = bytearray()
        self.stopped = stopped

    def take(self, most: int = 1 << 30) -> None:
        """Read until there are so many bytes, or the end."""
        while len(self.data) < most and (piece := self.sock.recv(min(65536, most - len(self.data)))):
            self.data += piece

    def reset(self) -> None:
        """Break the connection."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Script = Callable[[Connection], None]


def reads(connection: Connection) -> None:
    """What a good server does: it reads until the other side ends, then ends."""
    connection.take()


def breaks(after: int) -> Script:
    """Reads so much, and breaks."""

    def script(connection: Connection) -> None:
        connection.take(after)
        connection.reset()

    return script


def ends(after: int) -> Script:
    """Reads so much, and ends in order."""
    return lambda connection: connection.take(after)


def breaks_at_the_end(connection: Connection) -> None:
    connection.take()
    connection.reset()


def never_ends(connection: Connection) -> None:
    connection.take()
    connection.stopped.wait(LONG)


def never_reads(connection: Connection) -> None:
    connection.stopped.wait(LONG)


@dataclass
class Peer:
    """A server that runs a script for each connection, the last one for all further ones."""

    listener: socket.socket
    scripts: tuple[Script, ...]
    context: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        self.connections: list[Connection] = []
        self.changed = threading.Condition()
        self.stopped = threading.Event()
        self.ended = 0
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def _accept(self) -> None:
        for number in range(1000):
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            script = self.scripts[min(number, len(self.scripts) - 1)]
            thread = threading.Thread(target=self._serve, args=(sock, script), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, script: Script) -> None:
        with contextlib.suppress(OSError):
            if self.context is not None:
                sock = self.context.wrap_socket(sock, server_side=True)
            connection = Connection(sock, self.stopped)
            with self.changed:
                self.connections.append(connection)
                late = self.stopped.is_set()
            if not late:
                script(connection)
        sock.close()
        with self.changed:
            self.ended += 1
            self.changed.notify_all()

    @property
    def port(self) -> int:
        port: int = self.listener.getsockname()[1]
        return port

    def wait_until_ended(self, count: int) -> None:
        """Wait until so many connections are over."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.ended >= count, LONG)

    def texts(self, number: int | None = None) -> list[str]:
        """The texts that came, on one connection or on all of them."""
        chosen = self.connections if number is None else [self.connections[number]]
        return [read(message).text for each in chosen for message in split_octets(bytes(each.data))[0]]

    def stop(self) -> None:
        self.stopped.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # It wakes accept(); close() does not.
        self.listener.close()
        with self.changed:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(LONG)
            assert not thread.is_alive()


@contextlib.contextmanager
def peer(
    *scripts: Script, port: int = 0, context: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[Peer]:
    """A TCP server."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = Peer(socket.create_server((host, port), family=family), scripts or (reads,), context)
    try:
        yield found
    finally:
        found.stop()


def entries(*numbers: int) -> list[Shipped]:
    """Lines that are numbers."""
    return [Entry(1.5, "INFO", "midwatch.request", str(number)) for number in numbers]


def numbers(*texts: int) -> list[str]:
    return [str(text) for text in texts]


def close(channel: Channel[Shipped]) -> None:
    """Drop the connections behind *channel*."""
    sender: Any = channel._deliver.__self__  # type: ignore[attr-defined]
    parts = [sender, *(getattr(sender, name) for name in ("_stream", "_datagrams") if hasattr(sender, name))]
    for part in parts:
        if hasattr(part, "_wire"):
            part._wire.drop()


@dataclass
class Authority:
    """Certificates of the tests, in files."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def context(self, name: str, *, client_ca: bool = False) -> ssl.SSLContext:
        """What a server of this name shows; with *client_ca*, it wants to see a certificate too."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        if client_ca:
            context.load_verify_locations(self.ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def sign(self, name: str, alternative: str) -> None:
        """Make a certificate and its key."""
        request = self.folder / f"{name}.csr"
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative}\nbasicConstraints=CA:FALSE\n")
        key = self.folder / f"{name}.key"
        _openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        signed = ("-CA", self.ca, "-CAkey", self.folder / "ca.key", "-CAcreateserial", "-days", "30")
        _openssl("x509", "-req", "-in", request, *signed, "-extfile", extensions, "-out", self.folder / f"{name}.pem")


def authority(folder: Path) -> Authority:
    """One that has signed `localhost` (and 127.0.0.1) and `other.example`."""
    key, out = folder / "ca.key", folder / "ca.pem"
    _openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", out, "-days", "30", "-subj", "/CN=ca"
    )
    found = Authority(folder)
    found.sign("localhost", "DNS:localhost,IP:127.0.0.1")
    found.sign("other", "DNS:other.example")
    return found


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
