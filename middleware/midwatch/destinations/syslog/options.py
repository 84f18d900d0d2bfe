"""
URLs of syslog servers.

| URL | transport | port | longest message |
| --- | --- | --- | --- |
| `syslog+udp://host` | RFC 5426 | 514 | 2048 octets |
| `syslog+tcp://host` | RFC 6587 | 601 | 8192 |
| `syslog+tls://host` | RFC 5425 | 6514 | 8192 |
| `syslog+unix:/dev/log` | a socket of this machine: of datagrams, or of a stream | | 8192 |

514 of TCP is registered to the remote shell and 601 to syslog; many servers listen at 514 all the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from ...nearest import nearest
from ..address import Address, AddressError, between, flag, one_line_of, seconds
from .framing import FRAMINGS
from .priority import FACILITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["address_of"]


class Scheme(NamedTuple):
    """What is usual for a transport."""

    port: int
    most: int
    framing: str | None
    tls: bool = False


SCHEMES: Final = {
    "syslog+udp": Scheme(514, 2048, None),
    "syslog+tcp": Scheme(601, 8192, "octets"),
    "syslog+tls": Scheme(6514, 8192, None, tls=True),
    "syslog+unix": Scheme(0, 8192, "lf"),
}
"""By scheme. What listens on a stream socket of this machine knows lines, from syslog(3)."""

OTHERWISE: Final = {
    "syslog": "syslog+udp", "udp": "syslog+udp", "tcp": "syslog+tcp", "tls": "syslog+tls", "unix": "syslog+unix",
    "syslogs": "syslog+tls", "syslog+ssl": "syslog+tls", "syslog+tcps": "syslog+tls", "syslog+tcp+tls": "syslog+tls",
}  # fmt: skip
"""What others call them."""

LONGEST_HOST: Final = 255
"""Bytes, see RFC 1035 section 2.3.4."""

SUN_PATH: Final = 107
"""Bytes of a socket's name, see unix(7)."""

_is_number: Final = re.compile(r"\d{1,10}", re.ASCII).fullmatch


def _octets(text: str) -> int:
    return int(between(480, 262_144, "octets")(text))


def _number(text: str) -> str:
    if not _is_number(text):
        raise ValueError("a number of IANA's list of private enterprises")
    return text


def _one_of(values: Mapping[str, Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        if text not in values:
            near = nearest(text, values)
            raise ValueError(f"one of {', '.join(values)}" + (f"; did you mean {near}?" if near else ""))
        return values[text]

    return read


PARAMETERS: Final[dict[str, Callable[[str], Any]]] = {
    "facility": _one_of(FACILITIES),
    "host": one_line_of(255),
    "app": one_line_of(48),
    "procid": one_line_of(128),
    "msgid": one_line_of(32),
    "pen": _number,
    "bom": flag,
    "max": _octets,
    "timeout": seconds,
}


def address_of(url: str) -> Address:
    """
    What *url* names, with its `options` complete: what it does not say is as usual.

    Raises:
        AddressError: it cannot be meant.
    """
    name = url.partition(":")[0].lower()
    scheme = SCHEMES.get(name)
    if scheme is None:
        raise AddressError(f"{name[:40]!r} is no scheme of syslog; {_hint(name)}")
    framing = {"framing": _one_of(FRAMINGS)} if scheme.framing else {}
    address = Address.of(url, scheme.port, PARAMETERS | framing, tls=scheme.tls)
    (_check_host if scheme.port else _check_path)(address)
    if address.tls is not None and address.tls.key is not None and address.tls.cert is None:
        raise AddressError(f"{address.name}: key: expected a cert that it belongs to")
    usual: dict[str, Any] = {"facility": FACILITIES["user"], "max": scheme.most, "timeout": 5.0}
    if scheme.tls or scheme.framing:
        usual["framing"] = FRAMINGS[scheme.framing or "octets"]
    return address._replace(options=usual | address.options)


def _hint(name: str) -> str:
    near = OTHERWISE.get(name) or nearest(name, SCHEMES)
    return f"did you mean {near}?" if near else f"known are {', '.join(SCHEMES)}"


def _check_host(address: Address) -> None:
    name = address.name
    if not address.host:
        raise AddressError(f"{name}: names no host; expected {address.scheme}://host:{SCHEMES[address.scheme].port}")
    for host in (address.host, address.tls.servername if address.tls else None):
        if host is not None and not _is_host(host):
            raise AddressError(f"{name}: {host[:40]!r} is no name of a host")
    if not address.port:
        raise AddressError(f"{name}: no port has the number 0")
    if address.path not in {"", "/"}:
        right = urlsplit(name)._replace(path="").geturl()
        raise AddressError(f"{name}: syslog has no paths; did you mean {right}?")
    if address.user is not None or address.password is not None:
        raise AddressError(f"{name}: syslog knows no user; with syslog+tls, cert= and key= say who we are")


def _is_host(text: str) -> bool:
    try:
        return 0 < len(text.encode("idna")) <= LONGEST_HOST and not text.startswith(".")
    except UnicodeError:
        return False


def _check_path(address: Address) -> None:
    if address.host:
        path = address.name.partition("://")[2]
        raise AddressError(f"{address.name}: names a host; did you mean {address.scheme}:/{path}?")
    if not address.path.startswith("/") or address.path.endswith("/") or "\0" in address.path:
        raise AddressError(f"{address.name}: names no socket; expected {address.scheme}:/dev/log")
    if len(address.path.encode()) > SUN_PATH:
        raise AddressError(f"{address.name}: expected at most {SUN_PATH} bytes, as names of sockets have")
