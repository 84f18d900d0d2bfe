"""
Requests under way.

There is no counter that could stick: the exchanges themselves are kept while they last, and counted when somebody asks.
One whose last byte is out is not under way, whatever its application still does in the background.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from ..tracing.conventions import known_method

if TYPE_CHECKING:
    from ..exchange import Exchange

__all__ = ["Active"]

SCHEMES: Final = frozenset({"http", "https", "ws", "wss"})
"""An HTTP/2 client may send any `:scheme`."""


@final
class Active:
    """
    The exchanges that a plugin has seen begin and not end.

    Attributes:
        exchanges: By their `id`. Plain dict operations need no lock.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start empty, in a forked child: the parent serves those exchanges."""
        self.exchanges: dict[int, Exchange] = {}
        self._seen: dict[tuple[str, str], int] = {}

    def expect(self, exchange: Exchange) -> None:
        """Show the method and scheme of *exchange* from now on, with a zero if need be, but do not count it."""
        self._seen[_kind(exchange)] = 0

    def count(self) -> dict[tuple[str, str], int]:
        """How many are under way, by method and scheme; zero for what was there before."""
        counts = self._seen.copy()
        for exchange in self.exchanges.copy().values():
            if exchange.ended is None:
                kind = _kind(exchange)
                self._seen[kind] = 0
                counts[kind] = counts.get(kind, 0) + 1
        return counts


def _kind(exchange: Exchange) -> tuple[str, str]:
    scheme = exchange.scheme
    return known_method(exchange.method), scheme if scheme in SCHEMES else "_OTHER"
