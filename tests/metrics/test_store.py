"""Families: what they count, how workers are one, and that nothing in them raises or grows without end."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from midwatch.delivery import losses
from midwatch.metrics.labels import MAX_TEXT, label_text
from midwatch.metrics.slots import Slot
from midwatch.metrics.store import Store

if TYPE_CHECKING:
    from pathlib import Path

ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.lists(st.text(max_size=3))
)


class Awkward:
    """Has no text, no hash and no number."""

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        raise ValueError("no text")

    def __float__(self) -> float:
        raise KeyError("no number")


def shown(store: Store) -> dict[str, float]:
    """Samples by name and labels."""
    return {
        f"{sample.name}{tuple(sample.labels.values())}": sample.value
        for family in store.collect()
        for sample in family.samples
    }


@pytest.fixture
def store() -> Store:
    return Store(Slot(None))


def test_counters_gauges_and_histograms_count(store: Store) -> None:
    placed = store.counter("placed", "Orders.", ("kind",))
    placed.add(2, "card")
    placed.of("card").add()
    store.gauge("waiting", "Orders.").set(7)
    seconds = store.histogram("seconds", "Time.", (1, 2, math.inf))
    for value in (0.5, 2, 9):
        seconds.observe(value)
    values = shown(store)
    assert values["placed_total('card',)"] == 3
    assert values["waiting()"] == 7
    assert [values[f"seconds_bucket('{bound}',)"] for bound in ("1.0", "2.0", "+Inf")] == [1, 2, 3]
    assert values["seconds_sum()"] == 11.5


def test_a_family_without_samples_is_shown_all_the_same(store: Store) -> None:
    store.counter("placed", "Orders.")
    assert "placed" in {family.name for family in store.collect()}


def test_the_same_name_is_the_same_family_or_an_error(store: Store) -> None:
    assert store.counter("a", "A.") is store.counter("a", "Said otherwise.")
    with pytest.raises(ValueError, match="'a' was declared otherwise"):
        store.gauge("a", "A.")
    with pytest.raises(ValueError, match="'a' was declared otherwise"):
        store.counter("a", "A.", ("b",))


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a b", "é", "a_total", "a_bucket", "a_sum", None, 3, "a\n"])
def test_a_name_that_is_none_is_told(store: Store, name: Any) -> None:
    with pytest.raises(ValueError, match="name: "):
        store.counter(name, "A.")


@pytest.mark.parametrize("labels", [("a-b",), ("__a",), ("le",), ("worker",), ("a", "a"), "ab", (1,), ("é",)])
def test_a_label_that_is_none_is_told(store: Store, labels: Any) -> None:
    with pytest.raises(ValueError, match="labels: "):
        store.counter("a", "A.", labels)


@pytest.mark.parametrize("buckets", [(), (1, 1), (2, 1), (math.nan,), (1, math.inf, 2)])
def test_buckets_that_do_not_ascend_are_told(store: Store, buckets: Any) -> None:
    with pytest.raises(ValueError, match="buckets: "):
        store.histogram("a", "A.", buckets)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(ANYTHING, ANYTHING, ANYTHING), max_size=6))
def test_no_value_and_no_label_raises_and_the_page_stays_readable(told: list[tuple[Any, Any, Any]]) -> None:
    store = Store(Slot(None))
    families = (
        store.counter("a", "A.", ("x", "y")).add,
        store.gauge("b", "B.", ("x", "y")).set,
        store.gauge("c", "C.", ("x", "y")).add,
        store.histogram("d", "D.", (0, 1), ("x", "y")).observe,
    )
    for value, *labels in told:
        for call in families:
            call(value, *labels)
            call(value, *labels[:1])
            call(value, *labels, *labels)
    registry = CollectorRegistry()
    registry.register(store)
    samples = [
        (sample.name, tuple(sample.labels.items()))
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    ]
    assert len(samples) == len(set(samples))


def test_what_has_neither_text_nor_number_is_lost_and_counted(store: Store) -> None:
    before = losses.get("figures that are no numbers", 0)
    placed = store.counter("placed", "Orders.", ("kind",))
    for amount in (Awkward(), -1, math.nan, math.inf, "x", None):
        placed.add(amount, "a")  # type: ignore[arg-type]
    placed.add(1, Awkward())
    assert losses["figures that are no numbers"] == before + 6
    (name,) = [name for name in shown(store) if name.startswith("placed_total")]
    assert "Awkward that raises ValueError" in name


@given(ANYTHING)
def test_label_values_are_bounded_text_that_utf_8_carries(value: Any) -> None:
    text = label_text(value)
    assert len(text) <= MAX_TEXT
    assert "\0" not in text
    text.encode()
    assert label_text(text) == text


def test_true_is_not_one(store: Store) -> None:
    """Values that are equal and say something else are labels of their own."""
    placed = store.counter("placed", "Orders.", ("kind",))
    for value in (1, True, 1.0):
        placed.add(1, value)
    assert {name for name in shown(store) if name.startswith("placed")} == {
        "placed_total('1',)", "placed_total('True',)", "placed_total('1.0',)",
    }  # fmt: skip


def test_beyond_max_series_there_is_one_overflow_and_memory_is_flat() -> None:
    store = Store(Slot(None), max_series=10)
    placed = store.counter("placed", "Orders.", ("kind", "who"))
    for number in range(1000):
        placed.add(1, number, "x")
    for number in range(1000, 20_000):
        placed.add(1, number, "x")
    assert (len(placed._known), len(placed._series)) == (10, 10)
    values = shown(store)
    counted = {name: value for name, value in values.items() if name.startswith("placed_total")}
    assert len(counted) == 11
    assert counted["placed_total('overflow', 'overflow')"] == 20_000 - 10
    assert values["midwatch_series_refused_total('placed',)"] == 20_000 - 10
    assert values["midwatch_series('placed',)"] == 11
    placed.add(1, 3, "x")
    assert shown(store)["placed_total('3', 'x')"] == 2


def test_what_no_stranger_names_is_not_bounded() -> None:
    """Checks, channels, pools: the settings and we say how many there are."""
    store = Store(Slot(None), max_series=1)
    checks = store.gauge("checks", "Checks.", ("check",), bounded=False)
    runs = store.counter("runs", "Runs.", ("check",), bounded=False)
    families = [store.counter(f"strange{number}", "Strange.", ("who",)) for number in range(3)]
    for number in range(22):
        checks.set(1.0, f"c{number}")
        runs.add(1.0, f"c{number}")
        for family in families:
            family.add(1.0, str(number))
    values = shown(store)
    assert len([name for name in values if name.startswith(("checks", "runs"))]) == 44
    refused = {name: value for name, value in values.items() if name.startswith("midwatch_series_refused_total")}
    assert refused == {f"midwatch_series_refused_total('strange{number}',)": 21.0 for number in range(3)}


@pytest.mark.parametrize(
    ("merge", "together"),
    [("sum", 12.0), ("max", 7.0), ("min", 1.0), ("mean", 4.0)],
)
def test_gauges_of_workers_are_merged_as_declared(tmp_path: Path, merge: Any, together: float) -> None:
    """NaN says nothing."""
    for value in (1, 4, 7, math.nan):
        store = Store(Slot(tmp_path))
        store.gauge("a", "A.", merge=merge).set(value)
        stores.append(store)
    assert shown(stores[-1])["a()"] == together
    _close()


def test_gauges_may_be_by_worker(tmp_path: Path) -> None:
    for value in (3, 5):
        stores.append(store := Store(Slot(tmp_path)))
        store.gauge("a", "A.", ("x",), merge="worker").set(value, "y")
    assert {name: value for name, value in shown(stores[0]).items() if name.startswith("a(")} == {
        "a('y', '0')": 3, "a('y', '1')": 5,
    }  # fmt: skip
    _close()


stores: list[Store] = []
"""Keeps slots from being left to others meanwhile."""


def _close() -> None:
    while stores:
        stores.pop().slot.close()


def test_what_only_another_worker_declared_is_shown(tmp_path: Path) -> None:
    stores.extend(Store(Slot(tmp_path)) for _ in range(2))
    stores[0].histogram("seconds", "Time.", (0.1, 1), ("kind",)).observe(0.5, "a")
    stores[0].counter("placed", "Orders\nplaced.").add(3)
    families = {family.name: family for family in stores[1].collect()}
    assert families["placed"].documentation == "Orders\nplaced."
    assert shown(stores[1])["seconds_bucket('a', '1.0')"] == 1
    _close()


def test_families_of_another_shape_are_not_added_up(tmp_path: Path) -> None:
    """Two versions of a service side by side: each page has its own."""
    stores.extend(Store(Slot(tmp_path)) for _ in range(2))
    stores[0].counter("placed", "Orders.", ("kind",)).add(3, "a")
    stores[1].counter("placed", "Orders.", ("who",)).add(5, "b")
    assert {name: value for name, value in shown(stores[0]).items() if "placed_t" in name} == {"placed_total('a',)": 3}
    _close()


def test_a_slot_taken_over_keeps_its_counters_and_its_bounds(tmp_path: Path) -> None:
    """Recycled workers neither reset a counter nor bring new series without end."""
    for generation in range(5):
        store = Store(Slot(tmp_path), max_series=3)
        placed = store.counter("placed", "Orders.", ("kind",))
        placed.add(1, "always")
        for number in range(3):
            placed.add(1, f"{generation}-{number}")
        values = shown(store)
        assert values["placed_total('always',)"] == generation + 1
        assert sum(name.startswith("placed") for name in values) == 4
        store.slot.close()


def test_a_first_label_set_that_is_new_finds_a_slot_without_room(tmp_path: Path) -> None:
    """It is asked for before the slot is claimed; then no worker that takes a slot over may add to it."""
    for generation in range(5):
        store = Store(Slot(tmp_path), max_series=3)
        placed = store.counter("placed", "Orders.", ("kind",))
        kept = placed.of(f"{generation}-kept")
        for number in range(3):
            placed.add(1, f"{generation}-{number}")
        kept.add(1)
        values = shown(store)
        counted = {name: value for name, value in values.items() if name.startswith("placed_total")}
        assert len(counted) == 4
        assert sum(counted.values()) == 4 * (generation + 1)
        assert values["midwatch_series_refused_total('placed',)"] == 1 + 4 * generation
        store.slot.close()


def test_what_was_asked_for_before_the_slot_was_claimed_has_the_room_that_is_left(tmp_path: Path) -> None:
    """Those at hand in a process that loads the application; each observation without room is told of."""
    before = Store(Slot(tmp_path), max_series=5)
    for number in range(3):
        before.counter("placed", "Orders.", ("kind",)).add(1, f"before-{number}")
    before.slot.close()
    store = Store(Slot(tmp_path), max_series=5)
    placed = store.counter("placed", "Orders.", ("kind",))
    kept = [placed.of(str(number)) for number in range(5)]
    for child in kept * 2:
        child.add()
    values = shown(store)
    assert len([name for name in values if name.startswith("placed_total")]) == 6
    assert values["placed_total('overflow',)"] == values["midwatch_series_refused_total('placed',)"] == 6
    store.slot.close()


def test_threads_lose_nothing(store: Store) -> None:
    placed = store.counter("placed", "Orders.", ("kind",))

    def work() -> None:
        for _ in range(5000):
            placed.add(1, "a")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shown(store)["placed_total('a',)"] == 20_000


def test_a_deleted_file_loses_no_count(tmp_path: Path) -> None:
    """Something may tidy up the directory: counting goes on, also by children that are kept."""
    store = Store(Slot(tmp_path))
    placed = store.counter("placed", "Orders.").of()
    placed.add(2)
    for path in tmp_path.glob("slot-*"):
        path.unlink()
    placed.add(3)
    for _ in range(3):
        store.turn()
    placed.add(4)
    assert shown(store)["placed_total()"] == 9
    store.slot.close()


FORKED = """
import os, sys
from pathlib import Path
from midwatch.metrics.slots import Slot
from midwatch.metrics.store import Store

store = Store(Slot(Path(sys.argv[1])))
placed = store.counter("placed", "Orders.", ("kind",))
child = placed.of("a")
child.add(1)
store.lock.acquire()  # As a thread of the parent might hold it.
if os.fork() == 0:
    child.add(10)
    placed.add(100, "a")
    os._exit(0)
store.lock.release()
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
(sample,) = next(family for family in store.collect() if family.name == "placed").samples
print(sample.value)
"""


def test_a_child_that_is_kept_counts_after_a_fork(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FORKED, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.stdout, ran.returncode) == ("111.0\n", 0), ran.stderr


@pytest.mark.parametrize("merge", ["sum", "mean", "max", "min", "worker"])
@pytest.mark.parametrize("said", [(math.inf, -math.inf), (1.7e308, 1.7e308)])
def test_gauges_that_cannot_be_added_up_cost_no_other_family(tmp_path: Path, merge: Any, said: Any) -> None:
    """Neither infinities of both signs, nor numbers whose sum is none."""
    slots = [Slot(tmp_path), Slot(tmp_path)]
    for slot, value in zip(slots, said, strict=True):
        store = Store(slot)
        store.gauge("level", "Level.", merge=merge).set(value)
        store.counter("placed", "Orders.").add()
    found = shown(store)
    assert found["placed_total()"] == 2
    assert any(name.startswith("level") for name in found)
    for slot in slots:
        slot.close()


@pytest.mark.parametrize("merge", ["sum", "mean", "max", "min", "worker"])
def test_what_a_dead_worker_said_last_its_heir_does_not_say(tmp_path: Path, merge: Any) -> None:
    """Nor does it say zero, which would be the least of all, before it has said anything."""
    slots = [Slot(tmp_path), Slot(tmp_path)]
    for slot in slots:
        gauge = Store(slot).gauge("level", "Level.", ("kind",), merge=merge)
        gauge.set(7, "card")
    slots[0].close()
    heir = Slot(tmp_path)
    store = Store(heir)
    heir.claim()
    assert heir.number == 0
    assert [value for name, value in shown(store).items() if name.startswith("level")] == [7]
    gauge = store.gauge("level", "Level.", ("kind",), merge=merge)
    gauge.add(2, "card")
    wanted = {"sum": [9], "mean": [4.5], "max": [7], "min": [2], "worker": [2, 7]}
    assert [value for name, value in shown(store).items() if name.startswith("level")] == wanted[merge]
    for slot in (heir, slots[1]):
        slot.close()


def test_what_was_declared_is_known_to_others_however_much_it_is(tmp_path: Path) -> None:
    """As many buckets as there may be, of as many digits, and a help of any text."""
    slots = [Slot(tmp_path), Slot(tmp_path)]
    one, other = map(Store, slots)
    one.histogram("seconds", "\U0001f600\0" * 128, [1.1**power / 3 for power in range(200)], ("kind",)).observe(1, "a")
    assert shown(other)["seconds_count('a',)"] == 1
    assert not one.slot.errors
    for slot in slots:
        slot.close()
