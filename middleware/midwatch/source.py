"""
Where a request came from, and how far that can be believed: what an investigator asks, not what every request pays for.

`trust` says who vouches for the address:

| | |
| --- | --- |
| `peer` | nobody: it is the other end of the connection, which cannot be forged |
| `proxy` | a trusted proxy, or the server itself where it has put what a header said in place of the peer |
| `broken` | a trusted proxy, up to a hop that was no address or one too many: it is the last good one |
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from .proxies import address_of

if TYPE_CHECKING:
    from .exchange import Exchange

__all__ = ["UNIX", "Source", "source_of"]

UNIX: Final = "unix"
"""Stands for a peer without an address, as in the settings."""

CHAIN: Final = 512
"""Bytes of a chain of hops; what is cut stands on the left, where strangers write."""

PROXY_FIX: Final = "werkzeug.proxy_fix.orig"
"""Where Werkzeug's `ProxyFix` keeps what it has overwritten."""

_unprintable: Final = re.compile(r"[^ -~]")


class Source(NamedTuple):
    """
    One end of it, as an event names it.

    Attributes:
        ip: Address of the client, in its shortest form; `unix` for a peer without an address.
        port: Its port, where that is known.
        peer_ip: Address of the other end of the connection; None where the server has overwritten it.
        trust: `peer`, `proxy` or `broken`.
        forwarded: What the header of the proxies says, printable, its last 512 bytes; None without one.
    """

    ip: str
    port: int | None
    peer_ip: str | None
    trust: str
    forwarded: str | None


def source_of(exchange: Exchange) -> Source:
    """Where *exchange* came from; takes a few microseconds, and more only where there is a header of proxies."""
    proxies, peer = exchange.proxies, exchange.peer
    chain = (
        exchange.header("x-forwarded-for") or exchange.header("forwarded")
        if proxies is None
        else proxies.chain(exchange)
    )
    address, port = (None, 0) if peer is None else peer
    peer_ip: str | None = _address(address)
    client, trust = peer_ip, "peer"
    if chain and (original := _overwritten(exchange)) is not None:
        peer_ip, trust = original or None, "proxy"
    if chain and proxies is not None:
        walk = proxies.walk(exchange)
        if walk.hop is not None:
            client, port, trust = walk.client, _port(walk.hop), "proxy"
        if walk.broken:
            trust = "broken"
    return Source(client or UNIX, port or None, peer_ip, trust, _printable(chain) if chain else None)


def _address(peer: str | None) -> str:
    """The spelling in which an address can be searched for; what is none stays."""
    if not peer:
        return UNIX
    found = address_of(peer) if ":" in peer else None
    return peer if found is None else str(found)


def _overwritten(exchange: Exchange) -> str | None:
    """The true peer where something outside of Midwatch has overwritten it, empty if unknown; else None."""
    native = exchange.native
    original = native.get(PROXY_FIX)
    if type(original) is dict:
        return _address(original.get("REMOTE_ADDR"))
    # uvicorn's ProxyHeadersMiddleware, on by default for local peers, leaves the client without a port.
    client = native.get("client")
    return "" if client is not None and not client[1] else None


def _port(hop: str) -> int:
    """The port in one hop, 0 if there is none."""
    hop = hop.strip(' \t"')
    tail = hop.partition("]")[2] if hop.startswith("[") else hop if hop.count(":") == 1 else ""
    text = tail.partition(":")[2]
    port = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    return port if port < 65_536 else 0


def _printable(chain: str) -> str:
    if len(chain) > CHAIN:
        chain = "..." + chain[3 - CHAIN :]
    return chain if chain.isascii() and chain.isprintable() else _unprintable.sub("?", chain)
