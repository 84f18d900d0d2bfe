"""What this process has counted of late in families that others keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from ..metrics.queue_time import QUEUE_BUCKETS

if TYPE_CHECKING:
    from ..metrics.children import CounterChild
    from ..metrics.store import Store

__all__ = ["BusySeconds", "QueueWaits"]


@final
class QueueWaits:
    """
    The mean of what requests waited in front of the service, between two times that this is asked.

    Args:
        store: Where `http_server_queue_time_seconds` is counted.
    """

    def __init__(self, store: Store) -> None:
        family = "http_server_queue_time_seconds"
        self._child = store.histogram(
            family, "Seconds that requests waited in front of the service.", QUEUE_BUCKETS
        ).of()
        self._before: tuple[float, float] | None = None

    def __call__(self) -> float | None:
        """Seconds; None where no proxy said anything since."""
        cells = self._child.cells
        before = self._before
        if cells is None:
            self._before = None
            return None
        *counts, total = cells.tolist()
        count = sum(counts)
        self._before = count, total
        # What a worker before this one has counted in the same slot is not of late.
        if before is None or count <= before[0]:
            return None
        return max(0.0, (total - before[1]) / (count - before[0]))


@final
class BusySeconds:
    """
    The seconds that requests have taken, summed.

    Args:
        store: Where `http_server_busy_seconds_total` is counted.
    """

    def __init__(self, store: Store) -> None:
        self._child: CounterChild = store.counter("http_server_busy_seconds", "Seconds that requests took.").of()

    def __call__(self) -> float | None:
        """Seconds, of this process and those before it in its slot; None where nothing is counted yet."""
        cells = self._child.cells
        return None if cells is None else cells[0]
