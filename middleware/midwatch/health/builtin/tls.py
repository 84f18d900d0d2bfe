"""`tls://host:port`: a server's certificate is trusted, and will be for some time."""

from __future__ import annotations

import ssl
from time import time
from typing import TYPE_CHECKING, Any, Final, final

from ...destinations.address import TLS, Address, between
from ..result import Result
from .dial import End, dial
from .kind import NETWORK, PATIENCE, Quick, Scope
from .levels import LEVELS, Levels
from .reason import Finding

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Certificate", "Trust", "made"]

DAY: Final = 86_400.0
DAYS: Final = between(0, 3650, "days")


@final
class Trust:
    """
    Which servers are trusted.

    Raises:
        ValueError: files that cannot be read, a name that cannot be one.
    """

    def __init__(self, tls: TLS) -> None:
        if tls.servername is not None and not _is_name(tls.servername):
            raise ValueError("servername: no host can have such a name")
        self._tls = tls
        self._context = tls.context()

    def context(self) -> ssl.SSLContext:
        """For one connection: files that the settings name may have been renewed, those of the system take long."""
        return self._tls.context() if self._tls.ca or self._tls.cert else self._context


def _is_name(text: str) -> bool:
    """Whether it can be one; `wrap_socket` would lose the socket where it cannot."""
    try:
        return bool(text.encode("idna")) and "\0" not in text and not text.startswith(".")
    except UnicodeError:
        return False


@final
class Certificate(Quick):
    """
    How long a server's certificate is still valid, in days.

    Args:
        address: Of the server, with how it is trusted.
        clock: Seconds since 1970.
    """

    scope: Scope = "shared"

    def __init__(self, address: Address, clock: Callable[[], float] = time) -> None:
        super().__init__(address.name, address.options)
        tls = address.tls or TLS()
        self._address, self._trust, self._name = address, Trust(tls), tls.servername or address.host
        self._timeout = address.options.get("timeout", PATIENCE)
        self._levels = Levels(address.options, 14.0, 0.0, falling=True)
        self._clock = clock

    def look(self) -> Result:
        end = End(self._timeout)
        with dial(self._address.host, self._address.port, end, self._trust.context(), self._name) as connection:
            certificate: Any = connection.getpeercert()  # type: ignore[attr-defined]
        until = (certificate or {}).get("notAfter")
        if until is None:
            raise Finding("there is no certificate")
        days = (ssl.cert_time_to_seconds(until) - self._clock()) / DAY
        status = self._levels.of(days)
        said = None if status == "pass" else f"the certificate expires in {days:.1f} days"
        return Result(status, said, round(days, 1), "days")


def made(spec: str) -> Certificate:
    """
    The check.

    Raises:
        ValueError: no host, files that cannot be read.
    """
    address = Address.of(spec, 443, NETWORK | dict.fromkeys(LEVELS, DAYS), tls=True)
    if not address.host or not address.port or address.path not in {"", "/"}:
        raise ValueError("tls: needs a host: tls://www.example.org:443")
    return Certificate(address)
