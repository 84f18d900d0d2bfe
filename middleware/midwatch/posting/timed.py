"""Connections that keep the time of a request as a whole; sockets know only that of one call."""

from __future__ import annotations

import http.client
import io
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    from socket import socket

    from typing_extensions import Buffer

__all__ = ["POOLS"]

PIECE: Final = 256 << 10
RECORD: Final = 16 << 10
"""Bytes sent before the clock is looked at; over TLS, each record of so many has the time of a whole call."""


class _Timed:
    """What both kinds of connection have in common."""

    piece = PIECE
    sock: socket
    timeout: float
    _end = 0.0

    def request(self, *args: Any, **options: Any) -> None:
        self._end = monotonic() + self.timeout
        super().request(*args, **options)  # type: ignore[misc]

    def send(self, data: bytes) -> None:
        with memoryview(data) as whole:
            for start in range(0, len(whole), self.piece):
                if start:
                    self.sock.settimeout(_left(self._end))
                with whole[start : start + self.piece] as piece:
                    super().send(piece)  # type: ignore[misc]


class _TimedRaw(io.RawIOBase):
    """What a socket receives, until *end*."""

    def __init__(self, raw: io.RawIOBase, sock: socket, end: float) -> None:
        self._raw, self._sock, self._end = raw, sock, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int | None:
        self._sock.settimeout(_left(self._end))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _left(end: float) -> float:
    left = end - monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        # urllib3 has set the timeout to what is left of the whole.
        end = monotonic() + (sock.gettimeout() or 0.0)
        raw: Any = self.fp.detach()
        self.fp = io.BufferedReader(_TimedRaw(raw, sock, end))


class _Connection(_Timed, HTTPConnection):  # type: ignore[misc]
    response_class = _TimedResponse


class _TLSConnection(_Timed, HTTPSConnection):  # type: ignore[misc]
    piece = RECORD
    response_class = _TimedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection  # type: ignore[assignment]  # urllib3's own declares a protocol


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection  # type: ignore[assignment]


POOLS: Final = {"http": _Pool, "https": _TLSPool}
"""For `PoolManager.pool_classes_by_scheme`."""
