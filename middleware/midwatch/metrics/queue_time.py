"""
How long a request waited before it got to us, by what the proxy in front noted when it took it.

`X-Request-Start` (nginx, Heroku, Apache: `t=` before seconds, milliseconds or microseconds since the epoch) and
`X-Queue-Start`. Only a trusted proxy is believed: a stranger could report any load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from ..exchange import Exchange
    from .store import Store

__all__ = ["QUEUE_BUCKETS", "QueueTime", "seconds_since_epoch"]

QUEUE_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds, seconds."""

HEADERS: Final = ("x-request-start", "x-queue-start")

MOST: Final = 3600.0
"""Seconds that a wait may last; what is longer is another clock, or another unit."""

LENGTH: Final = 32
"""Characters that a time may have."""

UNITS: Final = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3), (1e8, 1.0))
"""From which number on it counts how many a second: seconds had 9 digits until 2001, and have 10 until 2286."""


def seconds_since_epoch(text: str) -> float | None:
    """The time that *text* says, in whichever unit its size tells; None if it is none."""
    # Of several proxies the outermost is named first, and that is where waiting began.
    text = text.partition(",")[0].strip().removeprefix("t=").strip()
    if len(text) > LENGTH or not text.isascii() or not text.replace(".", "", 1).isdecimal():
        return None
    number = float(text)
    return next((number / divisor for least, divisor in UNITS if number >= least), None)


@final
class QueueTime:
    """
    Observes the waits.

    Args:
        store: Where they are counted.

    Attributes:
        latest: Seconds that the last one waited; None before the first.
    """

    def __init__(self, store: Store) -> None:
        self._waits = store.histogram(
            "http_server_queue_time_seconds",
            "Seconds from a trusted proxy's X-Request-Start or X-Queue-Start to the request's arrival here.",
            QUEUE_BUCKETS,
        )
        self._ignored = store.counter(
            "midwatch_queue_time_ignored", "Headers of trusted proxies that say no time, or one over an hour ago."
        )
        self.latest: float | None = None

    def observe(self, exchange: Exchange) -> None:
        """Count the wait of *exchange*, if a trusted proxy says when it began."""
        proxies = exchange.proxies
        if proxies is None or not proxies.trust(exchange):
            return
        for told in filter(None, map(exchange.header, HEADERS)):
            began = seconds_since_epoch(told)
            waited = None if began is None else exchange.started_at * 1e-9 - began
            if waited is not None and waited <= MOST:
                # Less than nothing where its clock is ahead of ours: then there was no wait to speak of.
                self.latest = max(0.0, waited)
                self._waits.observe(self.latest)
                return
            self._ignored.add()
