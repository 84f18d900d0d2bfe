"""Many label sets in few objects: the sums are right, and the garbage collector has nothing to go through."""

from __future__ import annotations

import gc
from array import array
from math import isclose
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from midwatch.metrics.slots import Slot
from midwatch.metrics.slots.gently import gently
from midwatch.metrics.slots.sums import Part, Sums, labels_of, text_of

if TYPE_CHECKING:
    from pathlib import Path

texts = st.text(st.characters(exclude_characters="\0"), max_size=20)
labels = st.lists(texts, max_size=4).map(tuple)
SIZE = 3
numbers = st.lists(st.just(0.0) | st.floats(0, 1e9), min_size=SIZE, max_size=SIZE)
workers = st.lists(st.dictionaries(labels, numbers, max_size=6), max_size=4)


@given(labels)
def test_labels_come_back(given: tuple[str, ...]) -> None:
    assert labels_of(text_of(given)) == given


def part(figures: dict[tuple[str, ...], list[float]]) -> Part:
    cells = array("d", [0.0, *(number for numbers in figures.values() for number in numbers)])
    return memoryview(cells).cast("B"), {text_of(key): 1 + SIZE * number for number, key in enumerate(figures)}


def expected(every: list[dict[tuple[str, ...], list[float]]]) -> dict[tuple[str, ...], list[float]]:
    keys = dict.fromkeys(key for figures in every for key in figures)
    return {
        key: [sum(figures[key][cell] for figures in every if key in figures) for cell in range(SIZE)] for key in keys
    }


def same(sums: Sums, wanted: dict[tuple[str, ...], list[float]]) -> bool:
    found = dict(sums)
    return (
        list(found) == list(wanted)
        and len(sums) == len(wanted)
        and all(isclose(a, b) for key in wanted for a, b in zip(found[key], wanted[key], strict=True))
    )


@given(workers)
def test_workers_are_added_up(every: list[dict[tuple[str, ...], list[float]]]) -> None:
    """In the order in which they are met, whoever has or lacks a label set."""
    sums = Sums(SIZE)
    sums.join([part(figures) for figures in every])
    assert same(sums, expected(every))


@given(workers)
def test_one_by_one_they_are_the_same(every: list[dict[tuple[str, ...], list[float]]]) -> None:
    sums = Sums(SIZE)
    for figures in every:
        for key, cells in figures.items():
            sums.add(key, cells)
    assert same(sums, expected(every))
    assert all(sums.get(key) is not None for key in expected(every))
    assert sums.get(("none",) * 5) is None


def test_nothing_is_left_out() -> None:
    """Pauses or not."""
    assert list(gently(range(1000), 7)) == list(range(1000))


def test_a_reading_makes_no_objects_that_are_collected(tmp_path: Path) -> None:
    """A collection of all objects takes tens of milliseconds, for which every thread waits."""
    slot = Slot(tmp_path / "slots")
    for number in range(3000):
        slot.cells("h", (str(number), "a"), 20)[3] = number
    gc.collect()
    before = len(gc.get_objects())
    reading = slot.read()
    assert sum(cells[3] for _, cells in reading.summed("h", 20)) == sum(range(3000))
    assert len(gc.get_objects()) - before < 200
    slot.close()
