"""
Syslog servers: RFC 5424 messages over UDP, TCP, TLS, or a socket of this machine.

`syslog+udp://host`, `syslog+tcp://host`, `syslog+tls://host` and `syslog+unix:/dev/log` (see `options` for ports and
sizes). Their parameters, all of them optional:

| parameter | what it says |
| --- | --- |
| `facility` | by name; `user`, as everything has that is no part of the system |
| `app` | APP-NAME; the service's name |
| `host` | HOSTNAME; this machine's |
| `procid`, `msgid` | the process id; `request`, `error`, `audit`, `health` or `log`, by the kind of record |
| `pen` | names the structured data `opentelemetry@PEN` |
| `bom` | 1: the text begins with the mark of UTF-8 |
| `max` | octets of a message; what is longer is cut, visibly |
| `framing` | `octets` or `lf`, for `syslog+tcp` (`octets`) and streams of `syslog+unix` (`lf`) |
| `timeout` | seconds that connecting, sending and a receipt may take: 5 |
| `ca`, `cert`, `key`, `servername` | see `midwatch.destinations.address`, for `syslog+tls` |
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from ...delivery import Channel
from ..address import AddressError
from ..wire import Wire
from .datagrams import Datagrams
from .framing import counted
from .local import Local
from .message import Messages
from .options import address_of
from .stream import Stream

if TYPE_CHECKING:
    from ...service import Service
    from ..address import Address
    from ..entry import Shipped

__all__ = ["channel_to", "check"]

MOST_ITEMS: Final = 50_000
GIVE_UP: Final = 30.0


def check(url: str) -> None:
    """
    Look at *url* without opening anything.

    Raises:
        ValueError: it cannot be meant; says what is wrong, without credentials.
    """
    address = address_of(url)
    _messages(address, "unknown_service")


def channel_to(url: str, service: Service) -> Channel[Shipped]:
    """
    A channel to the server at *url*, which is connected to with the first line.

    Args:
        url: See above.
        service: Whose name is APP-NAME.

    Raises:
        ValueError: it cannot be meant, or its files of TLS cannot be read.
    """
    address = address_of(url)
    sender = _sender(address, _messages(address, service.name))
    keeper = None if isinstance(sender, Datagrams) else sender
    return Channel(address.name, sender.deliver, apart=True, keeper=keeper, max_items=MOST_ITEMS, give_up=GIVE_UP)


def _sender(address: Address, messages: Messages) -> Datagrams | Stream | Local:
    timeout = address.options["timeout"]
    if address.scheme == "syslog+udp":
        return Datagrams(Wire(address, timeout, datagrams=True), messages)
    stream = Stream(Wire(address, timeout), messages, address.options.get("framing", counted), timeout)
    if address.scheme != "syslog+unix":
        return stream
    return Local(Datagrams(Wire(address, timeout, datagrams=True), messages), stream)


def _messages(address: Address, app: str) -> Messages:
    options = address.options
    try:
        return Messages(
            app=options.get("app", app),
            host=options.get("host") or socket.gethostname(),
            facility=options["facility"],
            most=options["max"],
            procid=options.get("procid"),
            msgid=options.get("msgid"),
            pen=options.get("pen"),
            bom=options.get("bom", False),
        )
    except ValueError as error:
        raise AddressError(f"{address.name}: {error}") from None
