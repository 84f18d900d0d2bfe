"""
One connection to a server: TCP, TLS, UDP, or a stream or datagram socket of this machine.

Whatever goes wrong is an `OSError` (a `TimeoutError` where nothing happened). Every call ends in time, but for looking
a name up, which is the system's to limit. A connection belongs to the process that made it: a forked child that used
its parent's would speak in the parent's name.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
from fcntl import ioctl
from struct import unpack
from termios import TIOCOUTQ
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final, final

from .reach import datagrams_to, stream_to

if TYPE_CHECKING:
    from .address import Address

__all__ = ["Wire"]

PIECE: Final = 64 << 10
"""Bytes that are received or sent in one call."""

CHATTER: Final = 16
"""Pieces that are taken at once from a server which has nothing to say."""

_inherited: Final[list[socket.socket]] = []
"""The parent's, without descriptors. A thread of the parent may have been in the middle of TLS: they are not freed."""


@final
class Wire:
    """
    A connection, made when it is first needed.

    Args:
        address: Whose host and port, or path where it has no host, are connected to; with its `tls`, if it has one.
        timeout: Seconds that connecting to one address of the host, and each call, may take.
        datagrams: Whether it is UDP rather than TCP, or a unix socket that takes datagrams rather than a stream.

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
        self._since = 0.0
        self._turn = 0

    @property
    def connected(self) -> bool:
        """Whether there is a connection, of this process."""
        return self._socket is not None and self._process == os.getpid()

    @property
    def age(self) -> float:
        """Seconds since it was connected."""
        return monotonic() - self._since

    def connect(self) -> None:
        """
        Connect afresh, unless connected; the name is looked up each time.

        Raises:
            OSError: it does not listen, does not answer in time, or is not who it should be.
        """
        if self.connected:
            return
        self.drop()  # Of the parent.
        if self._datagrams:
            self._socket = datagrams_to(self._address, self._timeout, self._turn)
        else:
            self._socket = stream_to(self._address, self._timeout, self._context)
        self._process = os.getpid()
        self._since = monotonic()

    def send(self, data: bytes) -> None:
        """
        Send all of *data*, as one datagram where it is those; after a failure, nobody knows how much of it went.

        Raises:
            OSError: the connection is broken, or the other side takes nothing for so long; it has been dropped.
        """
        end = monotonic() + self._timeout
        size = len(data) if self._datagrams else PIECE
        try:
            sock = self._ours()
            with memoryview(data) as whole:
                for start in range(0, len(whole), size):
                    sock.settimeout(_left(end))
                    with whole[start : start + size] as piece:
                        sock.sendall(piece)
        except BaseException:
            self._turn += 1
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
        except OSError as error:
            if not isinstance(error, TimeoutError):
                self.drop()
            raise

    @property
    def broken(self) -> bool:
        """Whether the other side has closed, or there is no connection. What it said is thrown away."""
        return not self.lasts(0)

    def lasts(self, seconds: float) -> bool:
        """Whether it is unbroken for so many seconds from now. What the other side says is thrown away."""
        if not self.connected or self._socket is None:
            return False
        end = monotonic() + seconds
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | select.POLLRDHUP)
        while poll.poll(max(0.0, end - monotonic()) * 1000):
            if self._closed():
                return False
            if monotonic() >= end:
                break
        return True

    def _closed(self) -> bool:
        """Take what came: a server that only takes records has nothing to say but that it ends (or a TLS ticket)."""
        sock = self._ours()
        try:
            sock.settimeout(0)
            return not all(sock.recv(PIECE) for _ in range(CHATTER))
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError:
            self.drop()
            return True

    def acknowledged(self, seconds: float = 0.0) -> bool:
        """
        Whether all that was sent has reached the other machine (of a unix socket: was read), at most so long from now.

        Raises:
            OSError: the connection broke; it has been dropped.
        """
        end = monotonic() + seconds
        while True:
            self.check()
            # The length of the kernel's send queue, see tcp(7) and unix(7).
            if unpack("i", ioctl(self._ours().fileno(), TIOCOUTQ, bytes(4))) == (0,):
                return True
            if monotonic() >= end:
                return False
            sleep(0.002)  # the kernel tells nobody when its queue is empty

    def check(self) -> None:
        """
        Ask whether the other side has refused anything since.

        Raises:
            OSError: it has; the connection has been dropped.
        """
        number = self._ours().getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._turn += 1
            self.drop()
            raise OSError(number, os.strerror(number))

    def finish(self) -> bool:
        """
        End in order: say that nothing follows, and wait until the other side ends too.

        It does so after it has read everything, so that this is a receipt, the only one that a plain stream has: to
        close with something unread is to reset the connection (RFC 2525 section 2.17).

        Returns:
            False where it did not end in time, though its machine has everything. The connection is gone in any case.

        Raises:
            OSError: the connection broke, or not even the machine has everything.
        """
        if self.broken:
            self.drop()
            raise ConnectionError("it ended before all was said")
        sock = self._ours()
        end = monotonic() + self._timeout
        try:
            sock.settimeout(_left(end))
            if isinstance(sock, ssl.SSLSocket):
                with contextlib.suppress(ssl.SSLEOFError):  # It may end without a close_notify (RFC 5425 section 4.4).
                    sock.unwrap()
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(PIECE):
                sock.settimeout(_left(end))
            # What it ended before it saw what we sent last is answered with a reset, which comes after the end.
            if self.acknowledged(end - monotonic()):
                return True
            raise TimeoutError("timed out")
        except TimeoutError:
            if self.acknowledged():
                return False
            raise
        finally:
            self.drop()

    def drop(self) -> None:
        """Close without a word; nothing where there is no connection."""
        sock, self._socket = self._socket, None
        if sock is None:
            return
        with contextlib.suppress(OSError):
            if self._process == os.getpid():
                sock.close()
            else:
                _inherited.append(sock)
                os.close(sock.detach())

    def _ours(self) -> socket.socket:
        if self._socket is None or self._process != os.getpid():
            raise ConnectionError("not connected")
        return self._socket


def _left(end: float) -> float:
    left = end - monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left
