"""The attempts of one call, and which of them may tell the server of the trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, final
from urllib.parse import urlsplit

from ...headers import DEFAULT_PORTS
from ..outgoing import put, withdraw
from ..policy import policy

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from opentelemetry.context import Context

__all__ = ["Chain", "Origin", "origin_of"]


class Origin(NamedTuple):
    """Where a URL leads (RFC 6454 section 4)."""

    scheme: str
    host: str
    port: int

    def leads_to(self, other: Origin) -> bool:
        """Whether *other* is the same one, or the same host over TLS, both at their usual ports."""
        return self == other or (self.host == other.host and self[::2] == ("http", 80) and other[::2] == ("https", 443))


def origin_of(url: str) -> Origin | None:
    """The origin of *url*; None where it has none, which is the client's to complain about, or may have two."""
    if "\\" in url:
        return None  # To some it ends the host, to others it is part of a user name.
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
        return Origin(parts.scheme, parts.hostname, port) if parts.hostname else None
    except ValueError:
        return None


@final
class Chain:
    """
    One call over all its redirects and retries.

    Args:
        first: The URL that the caller asked for, where the first attempt that is seen here was to another one.
        resent: Attempts that have been made.
    """

    __slots__ = ("_first", "_written", "resent")

    def __init__(self, first: str | None = None, resent: int = -1) -> None:
        self._first = first
        self._written: dict[str, str] = {}
        self.resent = resent

    def follow(self, url: str, headers: MutableMapping[str, Any]) -> bool:
        """The next attempt is to *url*: whether it may be told. If not, what the last one was told is withdrawn."""
        self.resent += 1
        if self._first is None:
            self._first = url
        if url == self._first or self._may_know(url):
            return True
        # A client takes the headers of one attempt along to the next.
        withdraw(headers, self._written)
        return False

    def tell(self, headers: MutableMapping[str, Any], context: Context) -> None:
        """Put the trace of *context* into *headers* of this attempt."""
        self._written = put(headers, context)

    def _may_know(self, url: str) -> bool:
        first, other = origin_of(self._first or ""), origin_of(url)
        if first is None or other is None:
            return False
        return first.leads_to(other) or policy.may_know(other.host)
