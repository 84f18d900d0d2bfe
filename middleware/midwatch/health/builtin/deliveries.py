"""`deliveries`: spans, lines, errors and events of ours arrive where they are sent."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Final, final

from ... import delivery
from ...destinations.address import between
from ..result import Result
from .kind import COMMON, Quick, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Deliveries", "made"]

RECENT: Final = 600.0
"""Seconds for which a loss is a concern."""

MANY: Final = 10_000
"""Items that wait: half of what most queues hold."""


@final
class Deliveries(Quick):
    """
    What waits for destinations, and whether any of it was lost; only ever a warning: requests are served all the same.

    Args:
        options: How many items may wait.
        clock: Seconds; only differences count.
    """

    gate = False

    def __init__(self, options: dict[str, Any], clock: Callable[[], float] = monotonic) -> None:
        super().__init__("deliveries", options)
        self._many = options.get("pending", MANY)
        self._clock = clock
        self._lost, self._lost_at = 0, float("-inf")

    def look(self) -> Result:
        pending = sum(figures.pending for figures in delivery.figures(delivery.channels).values())
        said = "; ".join(self._concerns(pending)) or None
        return Result("warn" if said else "pass", said, pending, "items")

    def _concerns(self, pending: int) -> Iterator[str]:
        # By number: a name holds the host.
        failing = sum(channel.patience.failing for channel in delivery.channels)
        if failing:
            yield f"destinations that fail: {failing}"
        if pending >= self._many:
            yield f"{pending} items wait"
        lost = sum(channel.dropped for channel in delivery.channels) + sum(delivery.losses.copy().values())
        # Less than before: a forked child counts its own.
        if lost > self._lost:
            self._lost_at = self._clock()
        self._lost = lost
        if lost and self._clock() - self._lost_at < RECENT:
            yield f"{lost} items were lost"


def made(spec: str) -> Deliveries:
    """
    The check.

    Raises:
        ValueError: a parameter that is none.
    """
    return Deliveries(read(spec, COMMON | {"pending": between(1, 1e9, "items")}))
