"""
The saturation score: 0 for an idle service, 100 for one that can take no more.

It is the worst of its parts, for one exhausted resource is enough: requests under way by capacity, time in the queue of
a proxy, lag of the event loop, use of thread pools. It rises within seconds and falls slowly, so that a load balancer
which acts on it does not make it swing.

`http_server_saturation_ratio` is the mean over the workers: an autoscaler adds processes, and one worker that is
blocked beside three that are idle needs none. The score leans to the peaks of a load that varies. To scale by the mean,
take `http_server_utilization_ratio`, or the rate of `http_server_busy_seconds_total` by `http_server_capacity`.
"""

from __future__ import annotations

import math
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, final

from ..health.result import Status
from .capacity import Capacity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..metrics.store import Store

__all__ = ["Saturation", "Smooth", "score_of"]

RISE: Final = 2.0
FALL: Final = 10.0
"""Seconds in which the score goes 63 % of the way to where it belongs."""

QUEUE: Final = 0.5
LAG: Final = 0.5
"""Seconds in the queue, and of loop lag, that are as bad as a full house."""

HIGH: Final = 90.0
LASTING: Final = 5.0
"""A score above the one, for as many seconds as the other, is worth a warning."""

SOON: Final = 0.2
"""Seconds between two turns, at least: scrapes ask for one out of turn."""

STALE: Final = 5.0
"""Seconds after which a score says nothing of now, and nobody acts on it."""

PARTS: Final = ("concurrency", "queue", "lag", "pool")


def share(value: float, limit: float = 1.0) -> float:
    """*value* by *limit*, from 0 to 1; 0 for what is no number."""
    try:
        ratio = value / limit
    except (ArithmeticError, TypeError):
        return 0.0
    return 0.0 if math.isnan(ratio) else min(1.0, max(0.0, ratio))


def score_of(parts: Mapping[str, float]) -> float:
    """The worst of some shares, in percent."""
    return 100.0 * max((share(part) for part in parts.values()), default=0.0)


@final
class Smooth:
    """
    An exponential mean that rises faster than it falls.

    Args:
        rise, fall: Time constants, seconds.
    """

    def __init__(self, rise: float = RISE, fall: float = FALL) -> None:
        self._rise, self._fall = rise, fall
        self.value = 0.0

    def add(self, value: float, seconds: float) -> float:
        """Take in *value*, which has held for so many *seconds*; the mean."""
        constant = self._rise if value > self.value else self._fall
        weight = 1.0 if constant <= 0 else -math.expm1(-max(0.0, seconds) / constant)
        self.value += (value - self.value) * weight
        return self.value


@final
class Saturation:
    """
    How near to its limits this process is.

    Args:
        store: Where the gauges are kept.
        active: Requests under way in this process.
        busy: Seconds that its requests have taken, summed (see `Capacity`).
        capacity: Requests that it serves at once; None to ask the server, see `midwatch.saturation.capacity`.
        queued: Seconds that requests waited before they came here, of late; None where no proxy says.
        lag: The greatest lag of event loops since this was last asked, seconds.
        pool: Use of the fullest thread pool; above 1 something waits.
        queue_limit, lag_limit: Seconds that count as 100 %.
        rise, fall: Time constants of the smoothing, seconds.
        clock: Seconds; only differences count.

    Attributes:
        capacity: Of this process.
        score: 0 to 100, smoothed.
        parts: What it is made of, each 0 to 1, not smoothed.

    Raises:
        ValueError: a capacity of nothing.
    """

    def __init__(
        self,
        store: Store,
        *,
        active: Callable[[], float],
        busy: Callable[[], float | None] = lambda: None,
        capacity: int | None = None,
        queued: Callable[[], float | None] = lambda: None,
        lag: Callable[[], float] = lambda: 0.0,
        pool: Callable[[], float] = lambda: 0.0,
        queue_limit: float = QUEUE,
        lag_limit: float = LAG,
        rise: float = RISE,
        fall: float = FALL,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.capacity = Capacity(store, active, capacity, busy=busy)
        self._queued, self._lag, self._pool = queued, lag, pool
        self._queue_limit, self._lag_limit = queue_limit, lag_limit
        self._clock = clock
        self._smooth = Smooth(rise, fall)
        self._store = store
        self._gauge = store.gauge(
            "http_server_saturation_ratio", "How near to its limits the service is; the mean of its workers.",
            merge="mean",
        )  # fmt: skip
        self.parts = dict.fromkeys(PARTS, 0.0)
        self.score = 0.0
        self._at: float | None = None
        self._high_since: float | None = None
        self._asked: tuple[float, float] | None = None

    def turn(self) -> None:
        """Look at everything; once a second, and seldom in between."""
        now = self._clock()
        since = 1.0 if self._at is None else now - self._at
        if 0.0 <= since < SOON:
            return
        self.parts = {
            "concurrency": share(self.capacity.turn(since)),
            "queue": share(self._queued() or 0.0, self._queue_limit),
            "lag": share(self._lag(), self._lag_limit),
            "pool": share(self._pool()),
        }
        # A clock that was stopped, as a laptop's is, makes one long second.
        self.score = self._smooth.add(score_of(self.parts), min(max(since, 0.0), 2 * STALE))
        self._gauge.set(self.score / 100.0)
        if self.score < HIGH:
            self._high_since = None
        elif self._high_since is None:
            self._high_since = now
        self._at = now

    def current(self) -> float:
        """The score, to act on: 0 where it is not known."""
        at = self._at
        return 0.0 if at is None or self._clock() - at > STALE else self.score

    def overall(self) -> float:
        """The mean score of all workers; read from their slots, at most once a second."""
        now = self._clock()
        asked = self._asked
        if asked is None or not 0.0 <= now - asked[0] < 1.0:
            asked = self._asked = now, self._mean()
        return asked[1]

    def _mean(self) -> float:
        try:
            samples = self._gauge.declared.metric(self._store.slot.read()).samples
        except OSError:  # Out of file descriptors.
            return self.current()
        mean = 100.0 * samples[0].value if samples else math.nan
        return min(100.0, max(0.0, mean)) if math.isfinite(mean) else self.current()

    def block(self) -> tuple[Status, dict[str, Any]]:
        """A member of the health details: observed like a check (draft-inadarei-api-health-check-06 section 4)."""
        since = self._high_since
        status = Status.WARN if since is not None and self._clock() - since >= LASTING else Status.PASS
        return status, {
            "status": str(status),
            "observedValue": round(self.current(), 1),
            "observedUnit": "percent",
            "capacity": self.capacity.size,
            "capacityKnown": self.capacity.known is not None,
            "parts": {name: round(100.0 * part, 1) for name, part in self.parts.items()},
        }
