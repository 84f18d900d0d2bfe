"""
`redis://host:port` and, over TLS, `rediss://host:port`: a server of Redis or Valkey answers to PING.

Spoken without a driver (RESP2, https://redis.io/docs/latest/develop/reference/protocol-spec/): AUTH where the URL has a
password, SELECT where it names a database, PING.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

from ...destinations.address import TLS, Address
from ..result import Result
from .dial import End, dial
from .kind import NETWORK, PATIENCE, Quick, Scope
from .reason import Finding
from .tls import Trust

if TYPE_CHECKING:
    import socket

__all__ = ["Redis", "command", "made"]

LONGEST: Final = 1024
"""Bytes of a reply that are read: those that we ask for are one short line."""

CODES: Final = frozenset(
    {"BUSY", "CLUSTERDOWN", "DENIED", "ERR", "LOADING", "MASTERDOWN", "MISCONF", "NOAUTH", "NOPERM", "WRONGPASS"}
)
"""First words of errors that are repeated; what else a server says is its own."""

_is_number: Final = re.compile(r"[0-9]{1,5}").fullmatch


@final
class Redis(Quick):
    """
    Whether a server answers to PING.

    Args:
        address: Of the server, with who we are.
        database: Its number.
    """

    scope: Scope = "shared"

    def __init__(self, address: Address, database: int) -> None:
        super().__init__(address.name, address.options)
        self._address = address
        self._timeout = address.options.get("timeout", PATIENCE)
        tls = address.tls or TLS()
        self._trust = Trust(tls) if address.scheme == "rediss" else None
        self._name = tls.servername or address.host
        self._commands: list[tuple[bytes, bytes]] = []
        if address.password:
            self._commands.append((command("AUTH", *filter(None, (address.user, address.password))), b"+OK"))
        if database:
            self._commands.append((command("SELECT", str(database)), b"+OK"))
        self._commands.append((command("PING"), b"+PONG"))

    def look(self) -> Result:
        end = End(self._timeout)
        context = None if self._trust is None else self._trust.context()
        with dial(self._address.host, self._address.port, end, context, self._name) as connection:
            for sent, expected in self._commands:
                connection.settimeout(end.left())
                connection.sendall(sent)
                _expect(_line(connection, end), expected)
        return Result("pass")


def command(*words: str) -> bytes:
    """A command as servers take it: an array of bulk strings."""
    parts = [word.encode("utf-8", "surrogateescape") for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def _line(connection: socket.socket, end: End) -> bytes:
    """One line; each is asked for before the next, so nothing comes after it."""
    data = b""
    while b"\r\n" not in data:
        if len(data) >= LONGEST:
            raise Finding("it does not speak RESP")
        connection.settimeout(end.left())
        piece = connection.recv(LONGEST)
        if not piece:
            raise Finding("it closed the connection")
        data += piece
    return data.partition(b"\r\n")[0]


def _expect(reply: bytes, expected: bytes) -> None:
    if reply == expected:
        return
    if not reply.startswith(b"-"):
        raise Finding("it does not speak RESP")
    code = reply[1:].partition(b" ")[0].decode("ascii", "replace")
    raise Finding(f"it answers {code}" if code in CODES else "it answers an error")


def made(spec: str) -> Redis:
    """
    The check.

    Raises:
        ValueError: no host, no number of a database, files that cannot be read.
    """
    secured = spec.partition(":")[0].lower() == "rediss"
    address = Address.of(spec, 6379, NETWORK, tls=secured)
    database = address.path.strip("/") or "0"
    if not address.host or not address.port or _is_number(database) is None:
        raise ValueError("redis: needs a host, and a number for a database: redis://user:password@host:6379/0")
    return Redis(address, int(database))
