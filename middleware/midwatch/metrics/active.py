"""
Requests under way.

There is no counter that could stick: the exchanges themselves are kept while they last, and counted once a second, or
when somebody asks. One whose last byte is out is not under way, whatever its application still does in the background.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Final, final

from ..tracing.conventions import known_method

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..exchange import Exchange
    from .store import Store

__all__ = ["Active"]

SCHEMES: Final = frozenset({"http", "https", "ws", "wss"})
"""An HTTP/2 client may send any `:scheme`."""


@final
class Active:
    """
    The exchanges that a plugin has seen begin and not end.

    Args:
        store: Where their number goes.
        spent: Seconds that the requests which are over took.

    Attributes:
        exchanges: They are. Plain operations on a set of what has no equal need no lock.
        key: Under which slots keep how many there are.
    """

    def __init__(self, store: Store, spent: Callable[[], float], *, clock: Callable[[], float] = perf_counter) -> None:
        self._spent = spent
        self._clock = clock
        self._under_way = store.gauge(
            "http_server_active_requests",
            "Requests whose last body byte is not out yet, and open websockets; reading this page is not counted.",
            ("http_request_method", "url_scheme"),
        )
        self.key = self._under_way.declared.key
        self._busy = store.counter(
            "http_server_busy_seconds",
            "Seconds that requests were under way, summed: its rate is how many were at once, on average.",
        )
        self._open = store.gauge("http_server_websocket_open", "Websockets that are open.")
        self.forget()

    def forget(self) -> None:
        """Start empty, in a forked child: the parent serves those exchanges."""
        self.exchanges: set[Exchange] = set()
        self._seen: dict[tuple[str, str], int] = {}
        self._told = 0.0

    def expect(self, exchange: Exchange) -> None:
        """Show the method and scheme of *exchange* from now on, with a zero if need be, but do not count it."""
        self._seen[_kind(exchange)] = 0

    def requests(self) -> int:
        """How many requests, websockets left out, are under way in this process."""
        every = self.exchanges.copy()
        return sum(1 for exchange in every if exchange.ended is None and exchange.kind == "http")

    def turn(self) -> None:
        """Write down how many there are, and the seconds that they took since the last turn."""
        counts = self._seen.copy()
        sockets, now = 0, self._clock()
        seconds = self._spent()
        for exchange in self.exchanges.copy():
            ended = exchange.ended
            if ended is None:
                kind = _kind(exchange)
                self._seen[kind] = 0
                counts[kind] = counts.get(kind, 0) + 1
            if exchange.kind == "http":
                seconds += (now if ended is None else ended) - exchange.started
            elif ended is None and exchange.status == 101:
                sockets += 1
        for kind, count in counts.items():
            self._under_way.set(count, *kind)
        self._open.set(sockets)
        # Never less than before: an exchange that ended between the two readings is counted by the next turn.
        if seconds > self._told:
            self._busy.add(seconds - self._told)
            self._told = seconds


def _kind(exchange: Exchange) -> tuple[str, str]:
    scheme = exchange.scheme
    return known_method(exchange.method), scheme if scheme in SCHEMES else "_OTHER"
