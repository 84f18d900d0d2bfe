"""Servers of the forward protocol for tests: what each does with a connection is a script of `syslog_peer.Peer`."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import msgspec

from midwatch.destinations import Entry, Shipped

from .fluentd_reader import Message, read
from .syslog_peer import LONG, Connection, Script

encode = msgspec.msgpack.encode


@dataclass
class Inbox:
    """What came, over all connections."""

    messages: list[Message] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def add(self, message: Message) -> None:
        with self.changed:
            self.messages.append(message)
            self.changed.notify_all()

    def wait_for(self, count: int) -> None:
        """Until there are so many messages."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.messages) >= count, LONG)

    @property
    def records(self) -> list[dict[str, Any]]:
        return [record for message in self.messages for record in message.records]

    @property
    def numbers(self) -> list[int]:
        return [record["n"] for record in self.records]

    @property
    def ids(self) -> list[str | None]:
        return [message.chunk for message in self.messages]


Answer = Callable[[Message], bytes | None]


def ack(message: Message) -> bytes | None:
    return None if message.chunk is None else encode({"ack": message.chunk})


def takes(inbox: Inbox, answer: Answer = ack, most: int = 1 << 30) -> Script:
    """Reads messages and answers them; ends after *most* of them."""

    def script(connection: Connection) -> None:
        with connection.sock.makefile("rb") as stream:
            _take(connection, stream, inbox, answer, most)

    return script


def _take(connection: Connection, stream: BinaryIO, inbox: Inbox, answer: Answer, most: int = 1 << 30) -> None:
    for _ in range(most):
        try:
            message = Message.of(read(stream))
        except EOFError:
            return
        inbox.add(message)
        said = answer(message)
        if said is not None:
            connection.sock.sendall(said)


def says(data: bytes, then: Script | None = None) -> Script:
    """Begins with *data*."""

    def script(connection: Connection) -> None:
        connection.sock.sendall(data)
        (then or Connection.take)(connection)

    return script


def hangs(connection: Connection) -> None:
    """Reads nothing and says nothing."""
    connection.stopped.wait(LONG)


def resets(inbox: Inbox) -> Script:
    """Reads one message, and breaks the connection in place of an answer."""

    def script(connection: Connection) -> None:
        takes(inbox, lambda _: None, 1)(connection)
        connection.reset()

    return script


def wobbles(inbox: Inbox) -> Script:
    """Takes one message, and breaks the connection at the next."""

    def script(connection: Connection) -> None:
        takes(inbox, most=1)(connection)
        resets(inbox)(connection)

    return script


@dataclass
class Secured:
    """
    A server with a shared key, as the specification has it.

    Args:
        pong: Changes its last words of the handshake.
        refuses_silently: As fluent-bit does.
    """

    inbox: Inbox
    key: str = "sesame"
    users: dict[str, str] = field(default_factory=dict)
    keepalive: bool = True
    nonce: bytes = b"\xff\x00nonce"
    host: str = "the-server"
    pong: Callable[[list[Any]], Any] = lambda pong: pong
    refuses_silently: bool = False
    answer: Answer = ack
    pings: list[Any] = field(default_factory=list)

    def __call__(self, connection: Connection) -> None:
        auth = "pepper" if self.users else ""
        helo = ["HELO", {"nonce": self.nonce, "auth": auth, "keepalive": self.keepalive}]
        connection.sock.sendall(encode(helo))
        with connection.sock.makefile("rb") as stream:
            try:
                ping = read(stream)
            except EOFError:
                return
            self.pings.append(ping)
            why = self._against(ping, auth)
            if why and self.refuses_silently:
                return
            shown = "" if why else self._digest(ping[2], self.host)
            connection.sock.sendall(encode(self.pong(["PONG", not why, why, self.host, shown])))
            if not why:
                _take(connection, stream, self.inbox, self.answer, 1 << 30 if self.keepalive else 1)

    def _against(self, ping: Any, auth: str) -> str:
        kind, host, salt, shown, user, password = ping
        assert kind == "PING"
        if shown != self._digest(salt, host):
            return "shared_key mismatch"
        known = self.users.get(user, "")
        expected = hashlib.sha512(f"{auth}{user}{known}".encode()).hexdigest()
        return "username/password mismatch" if self.users and (not known or password != expected) else ""

    def _digest(self, salt: str, host: str) -> str:
        return hashlib.sha512(salt.encode() + host.encode() + self.nonce + self.key.encode()).hexdigest()


def lines(*numbers: int, logger: str = "midwatch.request") -> list[Shipped]:
    """Lines with a number."""
    return [Entry(1.5, "INFO", logger, f'{{"n":{number}}}') for number in numbers]
