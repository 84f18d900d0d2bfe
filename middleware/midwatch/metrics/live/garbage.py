"""What the garbage collector does, and for how long it stops everything; names of prometheus_client's `GCCollector`."""

from __future__ import annotations

import contextlib
import gc
import os
import weakref
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from ..store import Store

__all__ = ["GarbageFigures"]

BUCKETS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)

MAX_PAUSES: Final = 16_384
"""Pauses between two turns; of more only the latest are observed, while the counters still have all."""

FIGURES: Final = (
    ("collected", "python_gc_objects_collected", "Objects collected during gc"),
    ("uncollectable", "python_gc_objects_uncollectable", "Uncollectable objects found during GC"),
    ("collections", "python_gc_collections", "Number of times this generation was collected"),
)

_every: weakref.WeakSet[GarbageFigures] = weakref.WeakSet()


@final
class _Watch:
    """
    Notes each pause; called by the collector in the midst of anything, so it takes no lock.

    Attributes:
        pauses: Generation and seconds.
    """

    __slots__ = ("_started", "pauses")

    def __init__(self) -> None:
        self.pauses: deque[tuple[int, float]] = deque(maxlen=MAX_PAUSES)
        self._started = 0.0

    def __call__(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            self._started = perf_counter()
        elif self._started:
            self.pauses.append((info["generation"], perf_counter() - self._started))
            self._started = 0.0


@final
class GarbageFigures:
    """
    Writes what the collector of this process did; the collector calls us from the first turn until `stop`.

    Args:
        store: Where it is written.
        told: By generation, what was written there before, and is not again; kept up to date.
    """

    def __init__(self, store: Store, told: list[dict[str, int]] | None = None) -> None:
        self._counters = [
            (key, store.counter(name, said, ("generation",), bounded=False)) for key, name, said in FIGURES
        ]
        self._pauses = store.histogram(
            "python_gc_pause_seconds",
            "Seconds for which a collection stopped the worker.",
            BUCKETS,
            ("generation",),
            bounded=False,
        )
        self._told: list[dict[str, int]] = [] if told is None else told
        self._watch: _Watch | None = None
        self._removal: weakref.finalize[..., GarbageFigures] | None = None
        _every.add(self)

    def turn(self) -> None:
        """Write what is new; once a second."""
        if self._watch is None:
            self._watch = watch = _Watch()
            gc.callbacks.append(watch)
            self._removal = weakref.finalize(self, _remove, watch)
            self._removal.atexit = False
        stats = gc.get_stats()
        for generation, stat in enumerate(stats):
            told = self._told[generation] if self._told else {}
            for key, counter in self._counters:
                counter.add(stat[key] - told.get(key, 0), str(generation))
        self._told[:] = stats
        pauses = self._watch.pauses
        for _ in range(len(pauses)):
            generation, seconds = pauses.popleft()
            self._pauses.observe(seconds, str(generation))

    def stop(self) -> None:
        """Have the collector call us no more, until the next turn."""
        self._watch, removal = None, self._removal
        if removal is not None:
            removal()

    def forget(self) -> None:
        """In a forked child: what its collector did so far it did in the parent."""
        self._told[:] = gc.get_stats()
        if self._watch is not None:
            self._watch.pauses.clear()


def _remove(watch: _Watch) -> None:
    with contextlib.suppress(ValueError):
        gc.callbacks.remove(watch)


def _after_fork() -> None:
    for figures in list(_every):
        figures.forget()


os.register_at_fork(after_in_child=_after_fork)
