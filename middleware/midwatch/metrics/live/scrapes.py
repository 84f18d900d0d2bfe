"""What it costs to be scraped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from ..slots import Reading
    from ..store import Store

__all__ = ["ScrapeFigures"]

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@final
class ScrapeFigures:
    """
    Writes how long each page took and how long it was; and counts files of figures that could not be read or kept.

    Args:
        store: Where it is written.
    """

    def __init__(self, store: Store) -> None:
        self._scrapes = store.counter("midwatch_scrapes", "Pages of metrics made.").of()
        self._duration = store.histogram("midwatch_scrape_duration_seconds", "Seconds to make one.", BUCKETS).of()
        self._bytes = store.gauge("midwatch_scrape_bytes", "Bytes of the last one, not compressed.", merge="max").of()
        self._errors = store.counter(
            "midwatch_metrics_file_errors", "Files of figures left out of a page, since they are damaged or no such."
        ).of()
        self._lost = store.counter(
            "midwatch_metrics_storage_errors",
            "Files of figures that a worker lost, or found no room in; what it counts may be missing on other pages.",
        ).of()
        self._slot = store.slot
        self._told = 0
        store.show(self._read)

    def turn(self) -> None:
        """Count what was lost; and show all at zero, which is seen to rise then. Not before the process serves."""
        self._scrapes.add(0.0)
        self._errors.add(0.0)
        lost = self._slot.errors
        self._lost.add(float(lost - self._told))
        self._told = lost

    def note(self, seconds: float, size: int) -> None:
        """A page of *size* bytes was made in *seconds*."""
        self._scrapes.add()
        self._duration.observe(seconds)
        self._bytes.set(size)

    def _read(self, reading: Reading) -> Iterator[Metric]:
        self._errors.add(float(reading.damaged))
        return iter(())
