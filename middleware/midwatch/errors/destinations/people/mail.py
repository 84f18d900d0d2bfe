"""
Mail: `smtp://host/to@example.org,second@example.org` and `smtps://`, by way of a server that takes it from us.

| URL | port | TLS |
| --- | --- | --- |
| `smtp://host` | 25 | by STARTTLS where the server offers it, whoever it is |
| `smtp://user:password@host` | 587 | by STARTTLS, or else no mail is sent; certificate and host name are checked |
| `smtps://host` | 465 | from the start; certificate and host name are checked |

Parameters, all of them optional: `from` (whose mail it is: else the user, where that is an address, else the first who
gets it), `starttls` (`required`: as with a password; `no`: never, even with one), `timeout` (seconds that each answer
may take: 10), and those of TLS (see `midwatch.destinations.address`; any of them has the certificate checked).
"""

from __future__ import annotations

import re
from smtplib import SMTPException
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

from ....delivery import Channel, Refused
from ....destinations.address import Address, AddressError, seconds
from .letter import letter
from .smtp import Security, meaning, session
from .terms import GIVE_UP, WAITING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from smtplib import SMTP

    from ....service import Service
    from ...notices import Notice

__all__ = ["SCHEMES", "channel_to", "check"]

SCHEMES: Final = ("smtp", "smtps")

FEW: Final = 3
"""Notices that are mails of their own; more of them that wait become one."""

_is_mailbox: Final = re.compile(r"[^\s<>()\[\]\\,;:@\"]{1,64}@[^\s<>()\[\]\\,;:@\"/]{1,255}").fullmatch


class Target(NamedTuple):
    """Who writes to whom, and how."""

    address: Address
    sender: str
    recipients: tuple[str, ...]
    security: Security


def check(url: str) -> None:
    """
    Look at *url* without opening anything.

    Raises:
        ValueError: it cannot be meant; says what is wrong, without credentials.
    """
    _target(url)


def channel_to(url: str, service: Service) -> Channel[Notice]:
    """
    A channel to the server at *url*, which is connected to with the first notice.

    Raises:
        ValueError: it cannot be meant, or its files of TLS cannot be read.
    """
    mail = _Mail(_target(url), service)
    return Channel(mail.name, mail.deliver, apart=True, max_items=WAITING, give_up=GIVE_UP)


@final
class _Mail:
    """Sends batches, each over one connection."""

    def __init__(self, target: Target, service: Service) -> None:
        self.name = target.address.name
        self._target = target
        self._context = target.security.context(target.address)
        self._service = service.name
        self._batch: list[Notice] | None = None
        self._sent = self._refused = 0

    def deliver(self, notices: list[Notice]) -> int:
        """Send them, or the rest of them when they are handed in again; how many the server refused."""
        if notices is not self._batch:
            self._batch, self._sent, self._refused = notices, 0, 0
        letters = [notices] if len(notices) > FEW else [[notice] for notice in notices]
        why: Refused | None = None
        with session(self._target.address, self._target.security, self._context) as smtp:
            while self._sent < len(letters):
                try:
                    self._send(smtp, letters[self._sent])
                except Refused as error:
                    why = error
                    self._refused += len(letters[self._sent])
                self._sent += 1
        self._batch = None
        if why is not None and self._refused == len(notices):
            raise why
        return self._refused

    def _send(self, smtp: SMTP, notices: Sequence[Notice]) -> None:
        sender, recipients = self._target.sender, self._target.recipients
        mail = letter(notices, self._service, sender, recipients)
        try:
            refused = smtp.send_message(mail, sender, recipients)
        except SMTPException as error:
            raise meaning(error, self.name) from None
        if refused:
            raise Refused(f"{self.name}: the server refused {len(refused)} of {len(recipients)} recipients")


def _target(url: str) -> Target:
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    authority = rest.partition("/")[0]
    port = 465 if scheme == "smtps" else 587 if "@" in authority else 25
    known: dict[str, Any] = {"from": _mailbox, "timeout": seconds}
    if scheme == "smtp":
        known["starttls"] = _starttls
    address = Address.of(url, port, known, tls=True)
    address = address._replace(options={"timeout": 10.0} | address.options)
    _check(address)
    recipients = tuple(address.path[1:].split(","))
    for recipient in recipients:
        if not _is_mailbox(recipient):
            raise AddressError(f"{address.name}: expected mail addresses, as in {scheme}://host/to@example.org")
    user = address.user if address.user is not None and _is_mailbox(address.user) else None
    sender = address.options.get("from") or user or recipients[0]
    return Target(address, sender, recipients, Security.of(address))


def _check(address: Address) -> None:
    name = address.name
    if not address.host:
        raise AddressError(f"{name}: names no host; expected {address.scheme}://host/to@example.org")
    if not address.port:
        raise AddressError(f"{name}: no port has the number 0")
    if (address.user is None) != (address.password is None):
        raise AddressError(f"{name}: expected a user and a password, or none of them")
    if not f"{address.user or ''}{address.password or ''}".isascii():
        raise AddressError(f"{name}: user and password: expected ASCII, as SMTP knows it")
    if address.tls is not None and address.tls.key is not None and address.tls.cert is None:
        raise AddressError(f"{name}: key: expected a cert that it belongs to")


def _mailbox(text: str) -> str:
    if not _is_mailbox(text) or not text.isprintable():
        raise ValueError("a mail address")
    return text


def _starttls(text: str) -> str:
    if text not in {"required", "no"}:
        raise ValueError("required or no")
    return text
