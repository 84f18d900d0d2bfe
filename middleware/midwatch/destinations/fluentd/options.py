"""
URLs of servers that speak the forward protocol.

| URL | transport | port |
| --- | --- | --- |
| `fluentd://host/tag.prefix` | TCP | 24224 |
| `fluentd+tls://host/tag.prefix` | TLS | 24224 |
| `fluentd+unix:/path?tag=prefix` | a stream socket of this machine | |

Several servers are `host:24224,other:24224`, the preferred one first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ...nearest import nearest
from ..address import Address, AddressError, flag, one_line_of, seconds
from .message import TAG

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["addresses_of", "name_of"]

PORT: Final = 24224
SCHEMES: Final = ("fluentd", "fluentd+tls", "fluentd+unix")
OTHERWISE: Final = {
    "fluent": "fluentd", "forward": "fluentd", "fluentbit": "fluentd", "fluent-bit": "fluentd",
    "fluentd+tcp": "fluentd", "fluentds": "fluentd+tls", "fluentd+ssl": "fluentd+tls",
}  # fmt: skip
"""What others call them."""

COMPRESSIONS: Final = ("gzip", "none")

SUN_PATH: Final = 107
"""Bytes of a socket's name, see unix(7)."""

_parts: Final = re.compile(r"([^:]*://)([^/?#]*)(.*)", re.DOTALL).fullmatch


def _secret(text: str) -> str:
    if not text:
        raise ValueError("the secret of the server; it is empty")
    return text


def _compression(text: str) -> str:
    if text not in COMPRESSIONS:
        near = nearest(text, COMPRESSIONS)
        raise ValueError("gzip or none" + (f"; did you mean {near}?" if near else ""))
    return text


PARAMETERS: Final[dict[str, Callable[[str], Any]]] = {
    "shared_key": _secret,
    "compression": _compression,
    "ack": flag,
    "timeout": seconds,
}
"""Of all of them."""


def addresses_of(url: str) -> list[Address]:
    """
    The servers that *url* names, with their `options` complete: what it does not say is as usual.

    Raises:
        AddressError: it cannot be meant.
    """
    name = url.partition(":")[0].lower()
    if name not in SCHEMES:
        near = OTHERWISE.get(name) or nearest(name, SCHEMES)
        hint = f"did you mean {near}?" if near else f"known are {', '.join(SCHEMES)}"
        raise AddressError(f"{name[:40]!r} is no scheme of the forward protocol; {hint}")
    try:
        return [_complete(Address.of(one, PORT, _known(name), tls=name == "fluentd+tls")) for one in _one_by_one(url)]
    except AddressError:
        if "@" in _split(url)[2]:
            # Perhaps of a password, the rest of which was taken for a host, and would be shown.
            raise AddressError(
                f'{name}: no such address; in a password, write "/", "?" and "#" as %2F, %3F, %23'
            ) from None
        raise


def name_of(addresses: list[Address]) -> str:
    """All of them as one URL, without credentials."""
    first, *others = (address.name for address in addresses)
    hosts = "".join(f",{_split(other)[1]}" for other in others)
    before, host, path = _split(first)
    return f"{before}{host}{hosts}{path}"


def _split(name: str) -> tuple[str, str, str]:
    """What stands before the hosts, the hosts, and what stands behind them."""
    match = _parts(name)
    return ("", "", name) if match is None else (match[1], match[2], match[3])


def _one_by_one(url: str) -> list[str]:
    before, place, rest = _split(url)
    if not before:
        return [url]
    user, at, hosts = place.rpartition("@")
    return [f"{before}{user}{at}{host}{rest}" for host in hosts.split(",")]


def _known(scheme: str) -> dict[str, Callable[[str], Any]]:
    if scheme == "fluentd":
        # Short for shared_key; with TLS, a key is the file that belongs to a cert.
        return {**PARAMETERS, "key": _secret}
    return {**PARAMETERS, "tag": one_line_of(TAG)} if scheme == "fluentd+unix" else PARAMETERS


def _complete(address: Address) -> Address:
    """*address* as it may be used, with all options."""
    (_check_path if address.scheme == "fluentd+unix" else _check_host)(address)
    options = dict(address.options)
    if "key" in options:
        if "shared_key" in options:
            raise AddressError(f"{address.name}: key is short for shared_key; expected one of them")
        options["shared_key"] = options.pop("key")
    if address.tls is not None and address.tls.key is not None and address.tls.cert is None:
        raise AddressError(f"{address.name}: key: expected a cert that it belongs to; a shared secret is shared_key")
    if address.user is not None and "shared_key" not in options:
        raise AddressError(f"{address.name}: names a user; expected a shared_key too, without which no server asks")
    local = not address.host
    usual = {"compression": "none" if local else "gzip", "ack": not local, "timeout": 10.0}
    prefix = options.pop("tag", "") if local else address.path.strip("/")
    return address._replace(options=usual | options | {"prefix": prefix})


def _check_host(address: Address) -> None:
    if not address.host:
        raise AddressError(f"{address.name}: names no host; expected {address.scheme}://host:{PORT}/tag")
    if not address.port:
        raise AddressError(f"{address.name}: no port has the number 0")
    if "@" in address.path:
        raise AddressError(f"{address.name}: no tag holds @")


def _check_path(address: Address) -> None:
    if address.host:
        path = address.name.partition("://")[2]
        raise AddressError(f"{address.name}: names a host; did you mean {address.scheme}:/{path}?")
    if not address.path.startswith("/") or address.path.endswith("/") or "\0" in address.path:
        raise AddressError(f"{address.name}: names no socket; expected {address.scheme}:/path")
    if len(address.path.encode()) > SUN_PATH:
        raise AddressError(f"{address.name}: expected at most {SUN_PATH} bytes, as names of sockets have")
