"""`tcp://host:port`: something listens."""

from __future__ import annotations

from typing import Final, final

from ...destinations.address import Address
from ..result import Result
from .dial import End, dial
from .kind import NETWORK, PATIENCE, Quick, Scope

__all__ = ["TCP", "made"]


@final
class TCP(Quick):
    """Whether a connection can be made; it is closed at once, and nothing is said."""

    scope: Scope = "shared"

    def __init__(self, address: Address) -> None:
        super().__init__(address.name, address.options)
        self._address: Final = address
        self._timeout = address.options.get("timeout", PATIENCE)

    def look(self) -> Result:
        dial(self._address.host, self._address.port, End(self._timeout)).close()
        return Result("pass")


def made(spec: str) -> TCP:
    """
    The check.

    Raises:
        ValueError: no host, no port.
    """
    address = Address.of(spec, 0, NETWORK)
    if not address.host or not address.port or address.path not in {"", "/"}:
        raise ValueError("tcp: needs a host and a port, and nothing more: tcp://db:5432")
    return TCP(address)
