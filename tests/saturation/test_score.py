from __future__ import annotations

import errno
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.health.result import Status
from midwatch.metrics.slots import Slot
from midwatch.metrics.store import Store
from midwatch.saturation import Saturation
from midwatch.saturation.score import Smooth, score_of, share

anything = st.one_of(st.floats(), st.integers())
scores = st.floats(0, 100)
times = st.floats(0, 1e6)


class SimpleClock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Inputs:
    """What a service is made to be at."""

    def __init__(self, store: Any, clock: Any, **options: Any) -> None:
        self.active: Any = 0.0
        self.queued: Any = None
        self.lag: Any = 0.0
        self.pool: Any = 0.0
        self.clock = clock
        self.saturation = Saturation(
            store,
            active=lambda: self.active,
            queued=lambda: self.queued,
            lag=lambda: self.lag,
            pool=lambda: self.pool,
            clock=clock,
            **{"capacity": 10, **options},
        )

    def run(self, seconds: int) -> float:
        for _ in range(seconds):
            self.clock.now += 1.0
            self.saturation.turn()
        return self.saturation.score


@pytest.fixture
def inputs(store: Any, clock: Any) -> Inputs:
    return Inputs(store, clock)


@given(anything, anything)
def test_a_share_is_from_0_to_1_whatever_comes(value: float, limit: float) -> None:
    assert 0.0 <= share(value, limit) <= 1.0


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.floats(0.001, 1e6))
def test_more_is_never_a_smaller_share(low: float, high: float, limit: float) -> None:
    low, high = sorted((low, high))
    assert share(low, limit) <= share(high, limit)


@given(st.dictionaries(st.text(), st.floats()))
def test_the_score_is_the_worst_part_and_from_0_to_100(parts: dict[str, float]) -> None:
    score = score_of(parts)
    assert 0.0 <= score <= 100.0
    assert all(score >= 100.0 * min(part, 1.0) for part in parts.values() if not math.isnan(part))


@given(st.lists(st.tuples(scores, times)), st.floats(0, 60), st.floats(0, 60))
def test_the_mean_stays_among_what_it_was_given(steps: list[tuple[float, float]], rise: float, fall: float) -> None:
    smooth = Smooth(rise, fall)
    highest = 0.0
    for value, seconds in steps:
        before = smooth.value
        after = smooth.add(value, seconds)
        highest = max(highest, value)
        assert min(before, value) - 1e-9 <= after <= max(before, value) + 1e-9
        assert -1e-9 <= after <= highest + 1e-9


def test_it_rises_fast_and_falls_slowly(inputs: Inputs) -> None:
    inputs.active = 10
    up = inputs.run(5)
    inputs.active = 0
    down = inputs.run(5)
    assert up > 90
    assert 50 < down < up
    assert inputs.run(60) < 1


@pytest.mark.parametrize(
    ("part", "value", "share"),
    [("active", 5, 0.5), ("queued", 0.25, 0.5), ("lag", 0.125, 0.25), ("pool", 0.75, 0.75), ("pool", 1.5, 1.0)],
)
def test_each_part_counts(inputs: Inputs, part: str, value: float, share: float) -> None:
    setattr(inputs, part, value)
    inputs.run(60)
    name = {"active": "concurrency", "queued": "queue"}.get(part, part)
    assert inputs.saturation.parts == {**dict.fromkeys(("concurrency", "queue", "lag", "pool"), 0.0), name: share}
    assert inputs.saturation.score == pytest.approx(100 * share, abs=0.1)


@settings(deadline=None)
@given(anything, st.one_of(st.none(), anything), anything, anything)
def test_no_input_takes_the_score_out_of_bounds(active: float, queued: float | None, lag: float, pool: float) -> None:
    inputs = Inputs(Store(Slot(None)), SimpleClock())
    inputs.active, inputs.queued, inputs.lag, inputs.pool = active, queued, lag, pool
    for _ in range(3):
        assert 0.0 <= inputs.run(1) <= 100.0
    json.dumps(inputs.saturation.block()[1], allow_nan=False)


def test_a_turn_out_of_turn_changes_nothing(inputs: Inputs) -> None:
    """A scrape asks for one; the greatest lag since the last must not be used up by it."""
    inputs.run(1)
    inputs.lag = 0.5
    inputs.clock.now += 0.001
    inputs.saturation.turn()
    assert inputs.saturation.parts["lag"] == 0.0


def test_a_clock_that_steps_stops_nothing(inputs: Inputs) -> None:
    inputs.active = 10
    inputs.run(1)
    inputs.clock.now -= 5000
    assert inputs.run(30) > 99
    inputs.clock.now += 5000
    assert inputs.saturation.current() == 0.0
    assert inputs.run(1) > 99


def test_a_score_that_nobody_refreshes_is_not_acted_on(inputs: Inputs) -> None:
    assert inputs.saturation.current() == 0.0
    inputs.active = 10
    inputs.run(20)
    assert inputs.saturation.current() > 99
    inputs.clock.now += 6
    assert inputs.saturation.current() == 0.0


def test_the_block_warns_above_90_for_some_seconds_and_never_fails(inputs: Inputs) -> None:
    status, block = inputs.saturation.block()
    assert status is Status.PASS
    inputs.active = 25
    inputs.run(6)
    assert inputs.saturation.block()[0] is Status.PASS
    inputs.run(10)
    status, block = inputs.saturation.block()
    assert status is Status.WARN
    assert block["status"] == "warn"
    assert block["observedUnit"] == "percent"
    assert block["observedValue"] > 99
    assert block["capacity"] == 10
    assert block["parts"]["concurrency"] == 100.0
    inputs.active = 0
    inputs.run(10)
    assert inputs.saturation.block()[0] is Status.PASS


def test_the_gauges(inputs: Inputs, value: Callable[..., float]) -> None:
    inputs.active = 5
    inputs.run(60)
    assert value("http_server_saturation_ratio") == pytest.approx(0.5, abs=0.001)
    assert value("http_server_capacity") == 10
    assert value("http_server_utilization_ratio") == 0.5


def test_overall_is_the_mean_of_the_workers(tmp_path: Any, clock: Any) -> None:
    slots = [Slot(tmp_path), Slot(tmp_path)]
    busy, idle = (Inputs(Store(slot), clock) for slot in slots)
    assert busy.saturation.overall() == 0.0
    busy.active = 10
    clock.now += 1
    for _ in range(60):
        clock.now += 1
        busy.saturation.turn()
        idle.saturation.turn()
    assert busy.saturation.overall() == pytest.approx(50, abs=0.1)
    assert idle.saturation.overall() == pytest.approx(50, abs=0.1)
    for slot in slots:
        slot.close()


def test_overall_is_that_of_this_worker_where_the_others_cannot_be_read(
    tmp_path: Any, clock: Any, monkeypatch: Any
) -> None:
    slot = Slot(tmp_path)
    busy = Inputs(Store(slot), clock)
    busy.active = 10
    for _ in range(60):
        clock.now += 1
        busy.saturation.turn()

    def fails(self: Slot) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Slot, "read", fails)
    assert busy.saturation.overall() == pytest.approx(100, abs=0.1)
    slot.close()


def test_a_capacity_of_nothing(store: Any) -> None:
    with pytest.raises(ValueError, match=r"metrics\.capacity: 0"):
        Saturation(store, active=lambda: 0, capacity=0)
