"""What the garbage collector did: the figures of prometheus_client's `GCCollector`, and its pauses."""

from __future__ import annotations

import gc
import os
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry, GCCollector

from midwatch.metrics.live import garbage
from midwatch.metrics.live.garbage import GarbageFigures
from midwatch.metrics.slots import Slot
from midwatch.metrics.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _callbacks() -> Iterator[None]:
    before = gc.callbacks[:]
    yield
    gc.callbacks[:] = before


def called(watch: garbage._Watch | None) -> int:
    """How often the collector calls *watch*."""
    return sum(callback is watch for callback in gc.callbacks)


def test_the_figures_are_those_of_prometheus_client(store: Store, shown: Any) -> None:
    """Under the same names and labels."""
    registry = CollectorRegistry()
    GCCollector(registry=registry)
    figures = GarbageFigures(store)
    gc.disable()
    try:
        figures.turn()
        ours, theirs = shown(store), shown(registry)
        assert theirs.items() <= ours.items()
        gc.collect()
        figures.turn()
        assert shown(store)["python_gc_collections_total", "2"] == theirs["python_gc_collections_total", "2"] + 1
    finally:
        gc.enable()


def test_each_pause_is_observed(store: Store, shown: Any) -> None:
    """By generation, from the first turn on."""
    figures = GarbageFigures(store)
    gc.disable()
    try:
        figures.turn()
        for generation in (0, 0, 1, 2):
            gc.collect(generation)
        figures.turn()
        figures.turn()
        values = shown(store)
    finally:
        gc.enable()
    assert [values["python_gc_pause_seconds_count", generation] for generation in "012"] == [2, 1, 1]
    assert values["python_gc_pause_seconds_sum", "2"] > 0


def test_the_collector_is_left_alone_in_the_end(store: Store) -> None:
    """After `stop`; never twice in it, and not before the first turn."""
    figures = GarbageFigures(store)
    assert figures._watch is None
    figures.turn()
    figures.turn()
    watch = figures._watch
    assert called(watch) == 1
    figures.stop()
    figures.stop()
    assert called(watch) == 0
    figures.turn()
    assert called(figures._watch) == 1


def test_figures_that_are_dropped_leave_nothing() -> None:
    """The collector does not keep them."""
    figures = GarbageFigures(Store(Slot(None)))
    figures.turn()
    watch, gone = figures._watch, weakref.ref(figures)
    del figures
    gc.collect()
    assert gone() is None
    assert called(watch) == 0


def test_a_stop_in_the_midst_of_a_pause_is_none(store: Store, shown: Any) -> None:
    """What has no start has no length."""
    watch = garbage._Watch()
    watch("stop", {"generation": 0})
    assert not watch.pauses
    watch("start", {"generation": 1})
    watch("stop", {"generation": 1})
    assert len(watch.pauses) == 1


def test_what_waits_is_bounded() -> None:
    """Between two turns."""
    watch = garbage._Watch()
    for _ in range(garbage.MAX_PAUSES + 5):
        watch("start", {"generation": 0})
        watch("stop", {"generation": 0})
    assert len(watch.pauses) == garbage.MAX_PAUSES


def test_a_forked_child_counts_only_its_own(tmp_path: Path, shown: Any) -> None:
    """The collector's own counts are the parent's at first."""
    directory = tmp_path / "figures"
    directory.mkdir(0o700)
    store = Store(Slot(directory))
    figures = GarbageFigures(store)
    gc.disable()
    try:
        figures.turn()
        before = shown(store)
        gc.collect()  # Waits to be told by the parent, not by the child.
        child = os.fork()
        if child == 0:
            gc.collect()
            figures.turn()
            os._exit(0)
        os.waitpid(child, 0)
        one = shown(store)
        figures.turn()
        both = shown(store)
    finally:
        gc.enable()
    name = ("python_gc_collections_total", "2")
    assert (one[name] - before[name], both[name] - before[name]) == (1, 2)
    pauses = ("python_gc_pause_seconds_count", "2")
    assert (one[pauses], both[pauses]) == (1, 2)
