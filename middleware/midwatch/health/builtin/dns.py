"""`dns://name`: a name has an address."""

from __future__ import annotations

import socket
from typing import final

from ...destinations.address import Address
from ..result import Result
from .kind import COMMON, Quick, Scope
from .reason import Finding

__all__ = ["DNS", "made"]


@final
class DNS(Quick):
    """Whether the system finds an address for a name; how long it tries is the system's to limit."""

    scope: Scope = "shared"

    def __init__(self, address: Address) -> None:
        super().__init__(address.name, address.options)
        self._name = address.host

    def look(self) -> Result:
        found = {place[0] for *_, place in socket.getaddrinfo(self._name, None, type=socket.SOCK_STREAM)}
        if not found:
            raise Finding("the name has no address")
        return Result("pass", observed=len(found), unit="addresses")


def made(spec: str) -> DNS:
    """
    The check.

    Raises:
        ValueError: no name, or more than a name.
    """
    address = Address.of(spec, 0, COMMON)
    if not address.host or address.port or address.path not in {"", "/"}:
        raise ValueError("dns: needs a name, and nothing more: dns://db.example.org")
    return DNS(address)
