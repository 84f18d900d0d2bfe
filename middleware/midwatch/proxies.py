"""
The client's address behind proxies.

The peer of the socket is the only address that nobody can forge. `X-Forwarded-For` counts only as far as it was written
by networks the operator trusts: it is walked from the right, trusted hops are skipped, the first other one is the
client. A hop that is no address stops the walk at the last good one. All lines of the header are one list (RFC 9110
section 5.3). `Forwarded` (RFC 7239) is read in its place when that is the configured header; never both.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final, NamedTuple, final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .exchange import Exchange

__all__ = ["Networks", "Proxies", "Walk", "address_of"]

MAX_HOPS: Final = 64
"""More hops than any real chain has; a longer one is cut from the left, where strangers write."""

LOCAL: Final = ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10")
"""Loopback and private ranges: who may read details unless the settings say otherwise."""


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """The address in one hop: port, brackets, zone and IPv4-in-IPv6 mapping removed; None if there is none."""
    text = text.strip(' \t"')
    if text.startswith("["):
        text, _, behind = text[1:].partition("]")
        if behind and behind[0] != ":":
            return None
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@final
class Networks:
    """
    A set of networks, asked by address.

    Args:
        networks: CIDR notation or single addresses; `"unix"` stands for a peer without an address.

    Raises:
        ValueError: something that is neither.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        names = tuple(networks)
        self._unix = "unix" in names
        self._networks = tuple(ip_network(name) for name in names if name != "unix")
        self._known: dict[str, bool] = {}

    def __contains__(self, peer: str | None) -> bool:
        if not peer:
            return self._unix
        known = self._known.get(peer)
        if known is None:
            address = address_of(peer)
            known = self._unix if address is None else any(address in network for network in self._networks)
            if len(self._known) < 1024:
                self._known[peer] = known
        return known


class Walk(NamedTuple):
    """
    How the client's address was found.

    Attributes:
        client: The address; None where not even the peer has one.
        hop: The hop that it was read from, as it was written; None where it is the peer.
        broken: The walk ended early: at a hop that is no address, or at the last of `MAX_HOPS`.
    """

    client: str | None
    hop: str | None
    broken: bool


@final
class Proxies:
    """
    Who may speak for the client.

    Args:
        trusted: Networks of the proxies in front of the service.
        header: `"x-forwarded-for"` or `"forwarded"`: the one that the proxies write.
    """

    def __init__(self, trusted: Iterable[str], header: str = "x-forwarded-for") -> None:
        self._trusted = Networks(trusted)
        self._header = header.lower()

    def trust(self, exchange: Exchange) -> bool:
        """Whether the direct peer is one of them."""
        return (exchange.peer[0] if exchange.peer is not None else None) in self._trusted

    def apply(self, exchange: Exchange) -> None:
        """Correct `client` and `scheme` of *exchange* by what trusted proxies say; for doors."""
        exchange.proxies = self
        if exchange.client in self._trusted:
            exchange.client = self.walk(exchange).client
            exchange.scheme = self._scheme(exchange)

    def walk(self, exchange: Exchange) -> Walk:
        """From the peer of *exchange* through the hops that trusted proxies wrote, to the client."""
        client, at = None if exchange.peer is None else exchange.peer[0], None
        if client not in self._trusted:
            return Walk(client, at, broken=False)
        hops, more = self._hops(exchange)
        for hop in reversed(hops):
            address = address_of(hop)
            if address is None:
                return Walk(client, at, broken=True)
            client, at = str(address), hop
            if client not in self._trusted:
                return Walk(client, at, broken=False)
        return Walk(client, at, broken=more)

    def chain(self, exchange: Exchange) -> str | None:
        """The header that the proxies write, whoever wrote it."""
        return exchange.header(self._header)

    def _scheme(self, exchange: Exchange) -> str:
        if self._header == "forwarded":
            told = _parameter((exchange.header("forwarded") or "").rpartition(",")[2], "proto").strip(' \t"').lower()
        else:
            told = (exchange.header("x-forwarded-proto") or "").rpartition(",")[2].strip().lower()
        secure = {"http": False, "https": True, "ws": False, "wss": True}.get(told)
        if secure is None:
            return exchange.scheme
        plain = "ws" if exchange.kind == "websocket" else "http"
        return f"{plain}s" if secure else plain

    def _hops(self, exchange: Exchange) -> tuple[list[str], bool]:
        """The last of them, and whether there are more."""
        value = exchange.header(self._header)
        if not value:
            return [], False
        hops = value.rsplit(",", MAX_HOPS)
        more = len(hops) > MAX_HOPS
        hops = hops[-MAX_HOPS:]
        return [_parameter(hop, "for") for hop in hops] if self._header == "forwarded" else hops, more


def _parameter(element: str, wanted: str) -> str:
    """The parameter *wanted* of one RFC 7239 element, as it is written."""
    for pair in element.split(";"):
        name, _, value = pair.partition("=")
        if name.strip().lower() == wanted:
            return value
    return ""
