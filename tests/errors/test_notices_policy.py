"""People are told what is new at once, and of the rest now and then."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.errors.notices import Policy, Summary, Told
from midwatch.errors.notices.bucket import HOUR, Bucket

WALL = 1_700_000_000.0


class Run:
    """A policy and its clock; what was said is kept."""

    def __init__(self, **options: Any) -> None:
        self.policy = Policy(**options)
        self.now = 0.0
        self.told: list[tuple[str, Told]] = []
        self.summaries: list[Summary] = []

    def saw(self, fingerprint: str = "a", times: int = 1) -> Told | None:
        told = None
        for _ in range(times):
            told = self.policy.saw(fingerprint, self.now, WALL + self.now)
            if told is not None:
                self.policy.name(fingerprint, f"Error {fingerprint}")
                if not told.capped:
                    self.told.append((fingerprint, told))
        return told

    def until(self, now: float) -> None:
        """Let time pass, and ring when it is due."""
        while (due := self.policy.due) is not None and due <= now:
            self.now = max(self.now, due)
            summary = self.policy.collect(self.now)
            if summary is not None:
                self.summaries.append(summary)
        self.now = now

    def due(self) -> float | None:
        return self.policy.due

    @property
    def said(self) -> list[tuple[str, str, int]]:
        return [(fingerprint, told.kind, told.times) for fingerprint, told in self.told]


def test_ten_thousand_errors_of_three_kinds_in_a_minute() -> None:
    """Three first notices, each kind at 10, 100, 1000, and one digest at the end of the window."""
    run = Run(window=600)
    for number in range(10_000):
        run.until(number * 60 / 10_000)
        run.saw("abc"[number % 3])
    run.until(100_000)
    steps = [("first", 1), ("count", 10), ("count", 100), ("count", 1000)]
    assert Counter(run.said) == Counter((kind, *step) for kind in "abc" for step in steps)
    (digest,) = run.summaries
    assert digest.kind == "digest"
    assert digest.suppressed == digest.forgotten == 0
    assert [(line.fingerprint, line.title, line.untold, line.times) for line in digest.lines] == [
        ("a", "Error a", 3330, 3334),
        ("b", "Error b", 3329, 3333),
        ("c", "Error c", 3329, 3333),
    ]
    assert sum(line.untold for line in digest.lines) + len(run.told) == 10_000


def test_the_digest_comes_a_window_after_the_first_that_nobody_was_told_of() -> None:
    """Not a window after the first error; what people know needs no digest."""
    run = Run(window=600)
    run.saw()
    assert run.due() is None
    run.until(100)
    run.saw()
    run.until(500)
    run.saw()
    assert run.due() == 700
    run.until(699)
    assert not run.summaries
    run.until(700)
    (digest,) = run.summaries
    assert digest.since == WALL + 100
    assert digest.lines[0].untold == 2
    assert run.due() is None


def test_an_error_that_comes_back_is_told_and_counts_afresh() -> None:
    """After so much silence it is news; steps are told again."""
    run = Run(quiet=3600)
    run.saw(times=12)
    run.until(3599)
    run.saw()
    run.until(3599 + 3600)
    run.saw()
    run.saw(times=9)
    assert run.said == [("a", "first", 1), ("a", "count", 10), ("a", "returned", 1), ("a", "count", 10)]
    assert run.told[2][1].silence == 3600
    assert run.told[3][1].since == WALL + 7199


def test_silence_counts_from_the_last_occurrence() -> None:
    """What occurs all the time never comes back."""
    run = Run(quiet=100)
    for number in range(9):
        run.until(number * 99)
        run.saw()
    assert run.said == [("a", "first", 1)]


def test_the_cap_keeps_notices_back_and_says_so_when_it_has_room() -> None:
    """Not later than with the digest; an hour refills it."""
    run = Run(cap=4, window=3600)
    for name in "abcdef":
        run.saw(name)
    assert [name for name, _ in run.told] == ["a", "b", "c", "d"]
    assert run.due() == HOUR / 4
    run.until(HOUR / 4 - 1)
    assert not run.summaries
    run.until(HOUR / 4)
    (summary,) = run.summaries
    assert (summary.kind, summary.suppressed) == ("suppressed", 2)
    assert [(line.fingerprint, line.untold) for line in summary.lines] == [("e", 1), ("f", 1)]
    assert run.due() is None
    # It took the room there was.
    assert run.saw("g") == Told("first", 1, WALL + run.now, 0.0, capped=True)


def test_the_digest_says_what_the_cap_kept_back() -> None:
    """Where it comes first; nothing is said twice."""
    run = Run(cap=1, window=60)
    run.saw("a")
    run.saw("b")
    run.saw("a")
    run.until(HOUR * 2)
    (digest,) = run.summaries
    assert (digest.kind, digest.suppressed) == ("digest", 1)
    assert len(digest.lines) == 2


def test_a_room_that_somebody_else_took() -> None:
    """It is waited for again."""
    run = Run(cap=1, window=3 * HOUR)
    run.saw("a")
    run.saw("b")
    run.now = HOUR
    run.saw("c")
    assert run.policy.collect(run.now) is None
    run.until(2 * HOUR)
    (summary,) = run.summaries
    assert (summary.kind, summary.suppressed) == ("suppressed", 1)


@given(st.lists(st.tuples(st.sampled_from("abcdefghij"), st.floats(0, 500)), max_size=300), st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_whatever_happens_everything_is_told_once_and_nobody_is_flooded(
    events: list[tuple[str, float]], cap: int
) -> None:
    """Each occurrence is in exactly one notice; no hour has more than twice the cap, digests aside."""
    run = Run(cap=cap, window=600, quiet=1000)
    moments: list[float] = []
    for name, pause in events:
        run.until(run.now + pause)
        told = run.saw(name)
        if told is not None and not told.capped:
            moments.append(run.now)
    run.until(run.now + 10 * HOUR)
    summed = sum(line.untold for summary in run.summaries for line in summary.lines)
    assert len(run.told) + summed == len(events)
    moments.sort()
    for start in moments:
        assert sum(start <= moment < start + HOUR for moment in moments) <= 2 * cap
    digests = [summary for summary in run.summaries if summary.kind == "digest"]
    assert len(digests) <= run.now / 600 + 1
    assert run.due() is None


def test_closing_says_all_at_once() -> None:
    """There will be no later; and when there is nothing, nothing is said."""
    run = Run(cap=1)
    assert run.policy.collect(0.0, closing=True) is None
    run.saw("a", times=3)
    run.saw("b")
    summary = run.policy.collect(0.0, closing=True)
    assert summary is not None
    assert (summary.kind, summary.suppressed, len(summary.lines)) == ("digest", 1, 2)
    assert run.policy.collect(0.0, closing=True) is None


def test_nothing_is_collected_before_it_is_due() -> None:
    """Whoever asks."""
    run = Run(window=600)
    run.saw(times=3)
    assert run.policy.collect(599.0) is None
    assert run.policy.collect(600.0) is not None


def test_what_is_remembered_is_bounded_and_what_is_forgotten_is_counted() -> None:
    """The one not seen for the longest time goes first; its occurrences are still in the digest."""
    run = Run(kept=3, cap=100)
    run.saw("a", times=4)
    for name in "bcd":
        run.saw(name)
    run.saw("d")
    assert len(run.policy._known) == 3
    summary = run.policy.collect(0.0, closing=True)
    assert summary is not None
    assert (summary.forgotten, [line.fingerprint for line in summary.lines]) == (3, ["d"])
    run.policy.name("a", "whatever")
    assert run.saw("a") == Told("first", 1, WALL, 0.0, capped=False)


def test_twenty_thousand_fingerprints() -> None:
    """They cost no more than a thousand."""
    run = Run()
    for number in range(20_000):
        run.policy.saw(str(number), 0.0, WALL)
    assert len(run.policy._known) == 1000
    summary = run.policy.collect(0.0, closing=True)
    assert summary is not None
    assert summary.forgotten + len(summary.lines) == summary.suppressed == 20_000 - 20


def test_the_most_frequent_come_first() -> None:
    """Then by title."""
    run = Run(cap=100)
    for name, times in (("c", 3), ("b", 3), ("a", 2), ("d", 9)):
        run.saw(name, times=times)
    summary = run.policy.collect(0.0, closing=True)
    assert summary is not None
    assert [line.fingerprint for line in summary.lines] == ["d", "b", "c", "a"]


def test_threads_count_together() -> None:
    """Each step is told once."""
    run = Run(cap=100)
    barrier = threading.Barrier(4)
    found: list[str] = []

    def see() -> None:
        barrier.wait()
        for _ in range(2500):
            told = run.policy.saw("a", 0.0, WALL)
            if told is not None:
                found.append(f"{told.kind} {told.times}")

    threads = [threading.Thread(target=see) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["count 10", "count 100", "count 1000", "count 10000", "first 1"]
    summary = run.policy.collect(0.0, closing=True)
    assert summary is not None
    assert summary.lines[0].untold == 10_000 - 5


def test_after_a_fork_the_child_tells_what_is_its_own() -> None:
    """What the parent knows is known; what it has gathered is not told twice."""
    run = Run()
    run.saw(times=5)
    run.policy.after_fork()
    assert run.due() is None
    assert run.policy.collect(0.0, closing=True) is None
    assert run.saw() is None
    summary = run.policy.collect(0.0, closing=True)
    assert summary is not None
    assert summary.lines[0].untold == 1


@pytest.mark.parametrize("cap", [1, 3, 7, 20, 1000])
def test_a_bucket_refills_in_an_hour(cap: int) -> None:
    """All at once, then one after the other; never more."""
    bucket = Bucket(cap)
    assert [bucket.take(5.0) for _ in range(cap + 1)] == [True] * cap + [False]
    wait = bucket.wait(5.0)
    assert wait == pytest.approx(HOUR / cap)
    assert not bucket.take(5.0 + wait * 0.99)
    assert bucket.take(5.0 + wait)
    assert [bucket.take(5.0 + wait + HOUR) for _ in range(cap + 1)] == [True] * cap + [False]
