"""What is registered: one instance of a service, at one address."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from ...exchange import Exchange

__all__ = ["Instance", "address_of", "port_of", "reachable_from"]

_unfit = re.compile(r"[^A-Za-z0-9.-]+")


class Instance(NamedTuple):
    """
    One instance.

    Attributes:
        service: Its name.
        version: Of the service; empty where unknown.
        address: URL at which others reach it, without a path.
        health: Path that says whether it is ready.
    """

    service: str
    version: str
    address: str
    health: str

    @property
    def host(self) -> str:
        return urlsplit(self.address).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.address)
        return parts.port or (443 if self.secure else 80)

    @property
    def secure(self) -> bool:
        return self.address.startswith("https://")

    @property
    def name(self) -> str:
        """The service as a registry may name it: a label of DNS."""
        return _unfit.sub("-", self.service).strip("-.") or "service"

    @property
    def id(self) -> str:
        """The same for all workers, and after a restart."""
        return f"{self.name}-{_unfit.sub('-', self.host)}-{self.port}"


def address_of(given: str) -> str:
    """
    *given* as the address of an instance.

    Raises:
        ValueError: no such URL.
    """
    try:
        parts = urlsplit(given)
        fit = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and parts.username is None
    except ValueError:
        fit = False
    if not fit or not given.isprintable() or " " in given or parts.path.strip("/") or parts.query:
        raise ValueError(f"health.address: {given.rpartition('@')[2]!r} is not an address such as 'http://10.0.0.5:80'")
    return given.rstrip("/")


def port_of(exchange: Exchange) -> int | None:
    """The port that the server listens on, as *exchange* tells it; None behind a socket without one."""
    native = exchange.native
    server = native.get("server")
    port = server[1] if isinstance(server, tuple | list) and len(server) == 2 else native.get("SERVER_PORT")
    try:
        number = int(port or 0)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < 65536 else None


def reachable_from(host: str, port: int) -> str | None:
    """The address of this machine by which it would speak to *host*; None where there is no way there."""
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM):
            with socket.socket(family, kind, protocol) as probe:
                probe.connect(address)  # Datagrams: nothing is sent.
                found: str = probe.getsockname()[0]
                return f"[{found}]" if family is socket.AF_INET6 else found
    except OSError:
        pass
    return None
