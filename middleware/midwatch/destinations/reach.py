"""How a connection is made: TCP, TLS, UDP, or a socket of this machine."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import ssl

    from .address import Address

__all__ = ["datagrams_to", "stream_to"]

SILENCE: Final = 30
"""Seconds after which what the other machine does not acknowledge breaks the connection (it takes 15 minutes else)."""

LIVELINESS: Final = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE * 1000),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
)


def stream_to(address: Address, timeout: float, context: ssl.SSLContext | None) -> socket.socket:
    """
    A stream to *address*: to the first of the host's addresses that answers.

    Args:
        address: Where to.
        timeout: Seconds for each of them.
        context: Where there is one, the stream is TLS, and the certificate is the host's.

    Raises:
        OSError: none answers in time, or it is not who it should be.
    """
    if not address.host:
        return _joined(socket.socket(socket.AF_UNIX), address.path, timeout)
    problem = OSError("it has no address")
    for family, kind, _, _, place in socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM):
        try:
            return _joined(_stream(family, kind, address, context), place, timeout)
        except OSError as error:
            problem = error
    raise problem


def _stream(family: int, kind: int, address: Address, context: ssl.SSLContext | None) -> socket.socket:
    made = socket.socket(family, kind)
    with contextlib.suppress(OSError):  # Not every sandbox knows them all, and it works without.
        for option in LIVELINESS:
            made.setsockopt(*option)
    if context is None or address.tls is None:
        return made
    # Before it is connected: `wrap_socket` loses a connected one if a reset comes in between.
    return context.wrap_socket(made, server_hostname=address.tls.servername or address.host)


def datagrams_to(address: Address, timeout: float, turn: int) -> socket.socket:
    """
    A socket whose datagrams go to *address*.

    Args:
        address: Where to.
        timeout: Seconds that a call of it may take.
        turn: Which of the host's addresses: nobody answers here, so the caller has to go through them.

    Raises:
        OSError: there is no such host or socket, or the socket is one of streams (EPROTOTYPE).
    """
    if not address.host:
        return _joined(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), address.path, timeout)
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)
    family, kind, _, _, place = found[turn % len(found)]
    return _joined(socket.socket(family, kind), place, timeout)


def _joined(made: socket.socket, place: str | tuple[object, ...], timeout: float) -> socket.socket:
    try:
        made.settimeout(timeout)
        made.connect(place)
    except BaseException:
        made.close()
        raise
    return made
