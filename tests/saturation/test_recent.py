from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.metrics.queue_time import QUEUE_BUCKETS
from midwatch.metrics.slots import Slot
from midwatch.metrics.store import Store
from midwatch.saturation.recent import BusySeconds, QueueWaits


def waits_of(store: Store) -> Any:
    return store.histogram("http_server_queue_time_seconds", "As others say it.", QUEUE_BUCKETS)


def test_the_mean_is_of_what_came_since(store: Store) -> None:
    recent, waits = QueueWaits(store), waits_of(store)
    assert recent() is None
    waits.observe(9.0)
    assert recent() is None
    waits.observe(1.0)
    waits.observe(2.0)
    assert recent() == pytest.approx(1.5)
    assert recent() is None


@settings(deadline=None)
@given(st.lists(st.floats(0, 3600), min_size=1))
def test_the_mean_is_among_the_waits(seconds: list[float]) -> None:
    store = Store(Slot(None))
    recent, waits = QueueWaits(store), waits_of(store)
    waits.observe(0.0)
    recent()
    for one in seconds:
        waits.observe(one)
    mean = recent()
    assert mean is not None
    assert min(seconds) - 1e-6 <= mean <= max(seconds) + 1e-6


def test_busy_seconds_are_those_that_others_count(store: Store) -> None:
    busy = BusySeconds(store)
    assert busy() is None
    store.counter("http_server_busy_seconds", "As others say it.").add(2.5)
    assert busy() == 2.5
    store.forget()
    assert busy() is None
