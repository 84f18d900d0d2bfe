"""Occurrences as reports hand them around, and servers that people hear of them from."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from midwatch.delivery import Channel
from midwatch.errors.destinations.people import People
from midwatch.errors.fingerprint import fingerprint
from midwatch.errors.frames import is_in_app
from midwatch.errors.ledger import Ledger, Sighting
from midwatch.errors.notices import Notice, Told, Words
from midwatch.errors.occurrence import Occurrence
from midwatch.service import Service

if TYPE_CHECKING:
    from midwatch.exchange import Exchange

LONG = 30.0
"""Seconds after which a test that waits has failed."""

SERVICE = Service("orders", "1.4.2", "production")
NOON = 1_700_000_000.0


def raised(error: BaseException) -> BaseException:
    """With a traceback."""
    try:
        raise error
    except BaseException as caught:
        return caught


def occurrence(
    error: BaseException, exchange: Exchange | None = None, *, where: str = "request", sighting: Sighting | None = None
) -> Occurrence:
    sighting = sighting or Sighting(1, NOON, None)
    return Occurrence(error, exchange, where, fingerprint(error), sighting, NOON, is_in_app)


def notice(error: BaseException | None = None, told: Told | None = None) -> Notice:
    told = told or Told("first", 1, NOON, 0.0, capped=False)
    return Words(SERVICE, "web-3").told(occurrence(raised(error or ValueError("no such order"))), told)


class Heard:
    """A person who hears of errors at once."""

    def __init__(self, **options: Any) -> None:
        self.notices: list[Notice] = []
        self.came = threading.Condition()
        self.channel = Channel("people", self._deliver)
        self.people = People([self.channel], SERVICE, **options)
        self.ledger = Ledger()

    def _deliver(self, notices: list[Notice]) -> None:
        with self.came:
            self.notices.extend(notices)
            self.came.notify_all()

    def wait(self, count: int) -> list[Notice]:
        """Until there are so many."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.notices) >= count, LONG), self.kinds
        return self.notices

    @property
    def kinds(self) -> list[str]:
        return [notice.kind for notice in self.notices]

    def take(self, error: BaseException) -> None:
        """As a report does."""
        sighting = self.ledger.add(fingerprint(error), NOON)
        self.people.take(occurrence(error, sighting=sighting))


@dataclass
class Mailbox:
    """A mail server: what came, over how many connections, and what it answers."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    secure: list[bool] = field(default_factory=list)
    users: list[tuple[str, str]] = field(default_factory=list)
    connections: set[object] = field(default_factory=set)
    answers: list[str] = field(default_factory=list)
    """The next answers to DATA; then all is taken."""
    recipients: dict[str, str] = field(default_factory=dict)
    """Answers to RCPT."""
    came: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, count: int) -> list[EmailMessage]:
        with self.came:
            assert self.came.wait_for(lambda: len(self.mails) >= count, LONG), len(self.mails)
        return self.mails

    async def handle_RCPT(
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.recipients:
            return self.recipients[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        self.connections.add(session.peer)
        if self.answers:
            answer = self.answers.pop(0)
            if not answer.startswith("250"):
                return answer
        content = envelope.content
        assert isinstance(content, bytes)
        with self.came:
            self.mails.append(message_from_bytes(content, policy=policy.default))
            self.envelopes.append(envelope)
            self.secure.append(session.ssl is not None)
            self.came.notify_all()
        return "250 OK"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.users.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"swordfish", handled=False)


@contextlib.contextmanager
def mail_server(
    *, tls: ssl.SSLContext | None = None, implicit: ssl.SSLContext | None = None, login: bool = False
) -> Iterator[Mailbox]:
    """
    A mail server.

    Args:
        tls: It offers STARTTLS.
        implicit: It speaks TLS from the start.
        login: It wants a password, over TLS or not.
    """
    box = Mailbox()
    options: dict[str, Any] = {"tls_context": tls, "decode_data": False, "enable_SMTPUTF8": True}
    if login:
        options |= {"authenticator": box.authenticate, "auth_required": True, "auth_require_tls": tls is not None}
    box.port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=box.port, ssl_context=implicit, **options)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@contextlib.contextmanager
def script(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server of one's own, each connection in a thread; its port."""
    threads: list[threading.Thread] = []
    open_ones: list[socket.socket] = []

    def one(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            serve(connection)

    def accept(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                open_ones.append(connection)
                threads.append(threading.Thread(target=one, args=(connection,)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        main = threading.Thread(target=accept, args=(listening,))
        main.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            main.join()
            for connection in open_ones:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(LONG)
                assert not thread.is_alive()
