"""
One connection to a server: TCP, TLS, or a stream or datagram socket of this machine.

Every call ends in time, and whatever goes wrong is an `OSError` (a `TimeoutError` where nothing happened). A connection
belongs to the process that made it: a child that closed its parent's TLS would say goodbye in the parent's name.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
from time import monotonic
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from .address import Address

__all__ = ["Wire"]

PIECE: Final = 64 << 10
"""Bytes that are received or sent in one call."""


@final
class Wire:
    """
    A connection, made when it is first needed.

    Args:
        address: Whose host and port, or path where it has no host, are connected to; with its `tls`, if it has one.
        timeout: Seconds that connecting, and each call, may take.
        datagrams: Whether a unix socket takes datagrams; a host always has a stream.

    Raises:
        ValueError: files of TLS that cannot be read.
    """

    def __init__(self, address: Address, timeout: float = 5.0, *, datagrams: bool = False) -> None:
        self._address = address
        self._timeout = timeout
        self._datagrams = datagrams
        self._context = None if address.tls is None else address.tls.context()
        self._socket: socket.socket | None = None
        self._process = 0

    @property
    def connected(self) -> bool:
        """Whether there is a connection, of this process."""
        return self._socket is not None and self._process == os.getpid()

    def connect(self) -> None:
        """
        Connect afresh, unless connected.

        Raises:
            OSError: it does not listen, does not answer in time, or is not who it should be.
        """
        if self.connected:
            return
        self._socket, self._process = self._made(), os.getpid()

    def _made(self) -> socket.socket:
        address = self._address
        if not address.host:
            made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM if self._datagrams else socket.SOCK_STREAM)
            made.settimeout(self._timeout)
            return self._or_closed(made, lambda: made.connect(address.path))
        made = socket.create_connection((address.host, address.port), self._timeout)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is None or address.tls is None:
            return made
        name = address.tls.servername or address.host
        context = self._context
        try:
            return context.wrap_socket(made, server_hostname=name)
        except BaseException:
            made.close()
            raise

    @staticmethod
    def _or_closed(made: socket.socket, connect: object) -> socket.socket:
        try:
            connect()  # type: ignore[operator]
        except BaseException:
            made.close()
            raise
        return made

    def send(self, data: bytes) -> None:
        """
        Send all of *data*; after a failure, nobody knows how much of it went.

        Raises:
            OSError: the connection is broken, or the other side takes nothing for so long; it has been dropped.
        """
        end = monotonic() + self._timeout
        try:
            sock = self._ours()
            with memoryview(data) as whole:
                done = 0
                while done < len(whole):
                    sock.settimeout(_left(end))
                    with whole[done : done + PIECE] as piece:
                        sock.sendall(piece)
                        done += len(piece)
        except BaseException:
            self.drop()
            raise

    def receive(self, end: float) -> bytes:
        """
        Some bytes; none once the other side has closed.

        Args:
            end: `time.monotonic` until which to wait.

        Raises:
            OSError: the connection is broken, or nothing comes in time; it is kept only in the latter case.
        """
        sock = self._ours()
        try:
            sock.settimeout(_left(end))
            return sock.recv(PIECE)
        except TimeoutError:
            raise
        except OSError:
            self.drop()
            raise

    @property
    def broken(self) -> bool:
        """Whether the other side has closed, or said something although it never speaks; costs one system call."""
        if not self.connected or self._socket is None:
            return True
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | select.POLLRDHUP)
        return bool(poll.poll(0)) and self._closed()

    def _closed(self) -> bool:
        """Take what came; a server that only takes records has nothing to say but that it ends (or a TLS ticket)."""
        sock = self._ours()
        try:
            sock.settimeout(0)
            return not sock.recv(PIECE)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True

    def finish(self) -> bool:
        """
        End in order: say that nothing follows, and wait until the other side ends too.

        It does so after it has read everything, so that this is a receipt, the only one that a plain stream has.

        Returns:
            False where the other side did not end in time; the connection is gone in any case.

        Raises:
            OSError: the connection broke.
        """
        sock = self._ours()
        end = monotonic() + self._timeout
        try:
            sock.settimeout(_left(end))
            if isinstance(sock, ssl.SSLSocket):
                with contextlib.suppress(ssl.SSLError):  # It may end without a close_notify (RFC 5246 section 7.2.1).
                    sock = sock.unwrap()
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_WR)
            while True:
                sock.settimeout(_left(end))
                if not sock.recv(PIECE):
                    return True
        except TimeoutError:
            return False
        finally:
            sock.close()
            self.drop()

    def drop(self) -> None:
        """Close without a word; nothing where there is no connection."""
        sock, self._socket = self._socket, None
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.close()

    def _ours(self) -> socket.socket:
        if self._socket is None or self._process != os.getpid():
            raise ConnectionError("not connected")
        return self._socket


def _left(end: float) -> float:
    left = end - monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left
