"""Each exception object is reported once, for as long as it lives; each fingerprint is counted, within bounds."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref
from time import perf_counter

import pytest

from midwatch.errors import seen
from midwatch.errors.ledger import Group, Ledger
from midwatch.errors.seen import first_sight


class Own(Exception):
    """Takes a weak reference, as classes written in Python do."""


class Slotted(Exception):
    """Takes none."""

    __slots__ = ()


KINDS = [ValueError, Own, Slotted]


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_is_seen_once(kind: type[Exception]) -> None:
    """The same object is known again, an equal one is not."""
    error = kind("x")
    assert [first_sight(error, 0.0), first_sight(error, 0.0), first_sight(kind("x"), 0.0)] == [True, False, True]


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_another_object(kind: type[Exception]) -> None:
    """What was copied or came from another process has not been reported."""
    error = kind("x")
    assert first_sight(error, 0.0)
    assert first_sight(copy.copy(error), 0.0)
    assert first_sight(pickle.loads(pickle.dumps(error)), 0.0)


def test_what_is_seen_is_not_kept_alive() -> None:
    """Exceptions hold their frames and all that is in them; remembering one does not hold it."""
    errors = [Own(str(number)) for number in range(100)]
    assert all(first_sight(error, 0.0) for error in errors)
    left = [weakref.ref(error) for error in errors]
    known = len(seen._known)
    del errors
    gc.collect()
    assert not any(error() for error in left)
    assert len(seen._known) <= known - 100


def test_an_own_exception_is_left_as_it_was() -> None:
    """The application's exceptions get no attribute that its handlers would show."""
    error = Own("x")
    first_sight(error, 0.0)
    assert vars(error) == {}


@pytest.mark.parametrize("kind", KINDS)
def test_of_many_threads_one_is_first(kind: type[Exception]) -> None:
    """A failure that several requests share is reported by one of them."""
    error = kind("shared")
    start = threading.Barrier(8)
    found: list[bool] = []

    def ask() -> None:
        start.wait()
        found.append(first_sight(error, 0.0))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [False] * 7 + [True]


def test_counts_are_bounded() -> None:
    """The fingerprint that was not seen for the longest time is forgotten, and that is counted."""
    ledger = Ledger(kept=2)
    assert [ledger.add(name, 0.0).times for name in ("a", "b", "a", "c", "a", "b")] == [1, 1, 2, 1, 3, 1]
    assert ledger.forgotten == 2
    assert [group.fingerprint for group in ledger.groups()] == ["b", "a"]


def test_a_group_tells_since_when_and_what_was_last() -> None:
    """Times of the first and the latest, and the latest title."""
    ledger = Ledger()
    assert ledger.add("a", 10.0)[1:] == (10.0, None)
    assert ledger.add("a", 20.0)[1:] == (10.0, 10.0)
    ledger.note("a", {"title": "x"})
    ledger.note("forgotten", {"title": "y"})
    assert ledger.groups() == [Group("a", 2, 10.0, 20.0, {"title": "x"})]


def test_counts_do_not_get_lost_between_threads() -> None:
    """Every failure counts, however many threads fail at once."""
    ledger = Ledger()
    threads = [threading.Thread(target=lambda: [ledger.add("a", 0.0) for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.add("a", 0.0).times == 4001


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_raised_again_by_a_later_request_is_another_error(kind: type[Exception]) -> None:
    """An exception that a module keeps and raises each time: no occurrence is lost."""
    error = kind("kept")
    first = perf_counter()
    assert first_sight(error, first)
    assert not first_sight(error, first)
    later = perf_counter()
    assert first_sight(error, later)
    assert not first_sight(error, later)
