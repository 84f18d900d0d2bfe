"""The channel and its worker: bounds, retries, forks, and what happens at the end."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import midwatch.delivery.channel as delivery
import midwatch.delivery.counts as counted
from midwatch.delivery import Channel, Later, Refused, figures, flush, losses, lost, patience
from midwatch.delivery.registry import Channels
from midwatch.delivery.worker import Worker

LONG = 30.0
"""Seconds after which a test that waits has failed."""


class Clock:
    """A monotonic clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(delivery, "monotonic", clock)
    return clock


class Destination:
    """Takes batches, or fails; says how often it was called."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.calls: list[list[Any]] = []
        self.error: Exception | None = None

    def __call__(self, batch: list[Any]) -> None:
        self.calls.append(batch)
        if self.error is not None:
            raise self.error
        self.batches.append(list(batch))

    @property
    def items(self) -> list[Any]:
        return [item for batch in self.batches for item in batch]


@pytest.fixture
def destination() -> Destination:
    return Destination()


def by_hand(destination: Callable[[list[Any]], None], **options: Any) -> Channel[Any]:
    """A channel that no worker steps."""
    channel: Channel[Any] = Channel("test", destination, **options)
    delivery.channels.discard(channel)
    return channel


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The worker sees the channels of this test only."""
    monkeypatch.setattr(delivery, "channels", Channels())
    yield
    assert flush(LONG)


# Bounds


def test_what_does_not_fit_is_dropped_and_counted(destination: Destination) -> None:
    """The newest first; once there is room again, the next one fits."""
    channel = by_hand(destination, max_items=3)
    for item in range(5):
        channel.put(item)
    assert (channel.pending, channel.dropped, channel.sent) == (3, 2, 0)
    assert channel.step()
    channel.put(9)
    assert channel.step()
    assert destination.items == [0, 1, 2, 9]
    assert (channel.pending, channel.dropped, channel.sent) == (0, 2, 4)


def test_bytes_are_bounded_too(destination: Destination) -> None:
    """A large item is dropped where a small one still fits."""
    channel = by_hand(destination, max_bytes=10)
    channel.put("a", 6)
    channel.put("b", 5)
    channel.put("c", 4)
    channel.put("d", 1)
    assert (channel.pending, channel.dropped) == (2, 2)
    channel.step()
    channel.put("e", 10)
    channel.step()
    assert destination.items == ["a", "c", "e"]


def test_room_comes_back_while_the_queue_is_never_empty(destination: Destination) -> None:
    """A destination that keeps up loses nothing, however long there is something queued."""
    channel = by_hand(destination, max_bytes=1000, batch=5)
    for item in range(10):
        channel.put(item, 50)
    for item in range(10, 1000, 5):
        assert channel.step()
        for more in range(item, item + 5):
            channel.put(more, 50)
    assert channel.dropped == 0
    assert destination.items == list(range(990))


def test_threads_lose_nothing_below_the_bound(alone: None, destination: Destination) -> None:
    """Eight of them put at once, in the order of each."""
    channel: Channel[tuple[int, int]] = Channel("test", destination, max_items=100_000)
    start = threading.Barrier(8)

    def put(thread: int) -> None:
        start.wait()
        for number in range(5000):
            channel.put((thread, number), 10)

    threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert flush(LONG)
    assert (channel.sent, channel.dropped, channel.pending) == (40_000, 0, 0)
    for thread in range(8):  # type: ignore[assignment]
        assert [number for one, number in destination.items if one == thread] == list(range(5000))


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=60), st.integers(1, 8))
def test_every_item_is_sent_dropped_or_pending(steps: list[tuple[int, bool]], batch: int) -> None:
    """And in the order in which it came, whatever happens when."""
    destination = Destination()
    channel = by_hand(destination, max_items=10, max_bytes=100, batch=batch)
    for number, (size, step) in enumerate(steps):
        channel.put(number, size)
        if step:
            channel.step()
    assert channel.sent == len(destination.items)
    assert channel.sent + channel.dropped + channel.pending == len(steps)
    assert destination.items == sorted(destination.items)
    assert all(len(one) <= batch for one in destination.batches)
    while channel.step():
        pass
    assert channel.pending == 0
    channel.put("last", 100)
    assert channel.pending == 1


# Failures


def test_a_failed_batch_is_sent_again(destination: Destination, clock: Clock) -> None:
    """The very same one, when its pause is over; what came since waits its turn."""
    channel = by_hand(destination, batch=2)
    channel.put("a")
    destination.error = OSError("no")
    assert channel.step()
    channel.put("b")
    assert not channel.step()
    clock.now += 0.1
    destination.error = None
    assert channel.step()
    assert channel.step()
    assert not channel.step()
    assert destination.batches == [["a"], ["b"]]
    assert destination.calls[0] is destination.calls[1]
    assert (channel.sent, channel.dropped) == (2, 0)


def test_pauses_grow_to_a_limit(destination: Destination, clock: Clock) -> None:
    """Each at most twice the one before, five seconds at most, and shortened by chance by half at most."""
    channel = by_hand(destination, give_up=1e9)
    channel.put("a")
    destination.error = OSError("no")
    for pause in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0):
        assert channel.step()
        clock.now += 0.49 * pause
        assert not channel.step()
        clock.now += 0.51 * pause
    destination.error = None
    assert channel.step()
    channel.put("b")
    destination.error = OSError("again")
    assert channel.step()
    clock.now += 0.1
    assert channel.step(), "after a success, pauses start small again"


def test_in_the_end_a_batch_is_given_up(destination: Destination, clock: Clock) -> None:
    """It is counted; what is behind it has its own time."""
    channel = by_hand(destination, batch=2, give_up=10)
    for item in "abcd":
        channel.put(item)
    destination.error = OSError("no")
    started = clock.now
    while not channel.dropped:
        channel.step()
        clock.now += 0.5
    assert 10 <= clock.now - started <= 16
    assert (channel.dropped, channel.pending) == (2, 2)
    destination.error = None
    clock.now += 5
    assert channel.step()
    assert destination.items == ["c", "d"]
    assert (channel.sent, channel.dropped, channel.pending) == (2, 2, 0)


def test_hurry_ends_a_pause(destination: Destination, clock: Clock) -> None:
    channel = by_hand(destination)
    channel.put("a")
    destination.error = OSError("no")
    channel.step()
    destination.error = None
    channel.hurry()
    assert channel.step()


def test_drops_are_told_once_a_minute(destination: Destination, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """How many, and why; nothing when there is nothing new."""
    channel = by_hand(destination, max_items=1)
    channel.report_drops()
    for _ in range(100):
        channel.put("a")
        channel.report_drops()
    clock.now += 59
    channel.report_drops()
    clock.now += 1
    channel.report_drops()
    clock.now += 60
    channel.report_drops()
    assert [record.getMessage() for record in caplog.records] == [
        "test: 1 pending, 1 dropped since last told, the queue is full",
        "test: 1 pending, 98 dropped since last told, the queue is full",
    ]
    assert {record.name for record in caplog.records} == {"midwatch.delivery"}


def test_a_failure_is_told_once_a_minute(
    destination: Destination, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    channel = by_hand(destination, give_up=3)
    channel.put("a")
    destination.error = OSError("no such host")
    for _ in range(130):
        channel.step()
        channel.report_drops()
        clock.now += 0.5
    assert [record.getMessage() for record in caplog.records] == [
        "test: 1 pending, 0 dropped since last told, OSError: no such host",
        "test: 0 pending, 1 dropped since last told, the destination fails",
    ]


class HostileError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("hostile")


def test_a_log_handler_that_raises_does_not_end_the_worker(alone: None, destination: Destination) -> None:
    """What tells of a failure may fail."""

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("broken")

    broken = Broken()
    delivery.logger.addHandler(broken)
    try:
        destination.error = HostileError()
        failing: Channel[str] = Channel("failing", destination)
        failing.put("a")
        sent = threading.Event()
        other: Channel[str] = Channel("other", lambda batch: sent.set())
        other.put("b")
        assert sent.wait(LONG)
        destination.error = None
        assert flush(LONG)
    finally:
        delivery.logger.removeHandler(broken)
    assert destination.items == ["a"]


class Feeding(logging.Handler):
    """Ships lines to the very channel that they are about."""

    def __init__(self, channel: Channel[Any]) -> None:
        super().__init__()
        self.channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        self.channel.put(record.getMessage())


def test_a_failure_that_ships_itself_feeds_nothing(
    destination: Destination, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """What a channel says of itself comes back to it once a minute, whatever happens: an hour is 60 lines."""
    channel = by_hand(destination, max_items=5, give_up=30)
    handler = Feeding(channel)
    delivery.logger.addHandler(handler)
    try:
        destination.error = OSError("no")
        for _ in range(7200):
            channel.put("a")
            channel.step()
            channel.report_drops()
            clock.now += 0.5
        assert 58 <= len(caplog.records) <= 61
        put = 7200 + len(caplog.records)
        assert channel.sent + channel.dropped + channel.pending == put
        destination.error = None
        clock.now += 60
        while channel.step():
            channel.report_drops()
        assert channel.pending == 0
    finally:
        delivery.logger.removeHandler(handler)


# What the destination says


def test_what_is_refused_is_dropped_at_once(destination: Destination, clock: Clock) -> None:
    """It is not tried again, and nothing behind it waits."""
    channel = by_hand(destination, batch=2)
    for item in "abc":
        channel.put(item)
    destination.error = Refused("400 Bad Request")
    assert channel.step()
    destination.error = None
    assert channel.step()
    assert destination.batches == [["c"]]
    assert [len(call) for call in destination.calls] == [2, 1]
    assert (channel.sent, channel.dropped, channel.pending) == (1, 2, 0)


def test_a_refusal_ends_a_series_of_failures(destination: Destination, clock: Clock) -> None:
    """Who refuses is there: pauses start small again, and so does the time to give up."""
    channel = by_hand(destination, batch=1, give_up=10)
    for item in "ab":
        channel.put(item)
    destination.error = OSError("no")
    for _ in range(4):
        channel.step()
        clock.now += 2
    destination.error = Refused("no")
    assert channel.step()
    destination.error = OSError("no")
    assert channel.step()
    clock.now += 0.1
    assert channel.step()
    assert (channel.dropped, channel.pending) == (1, 1)


@pytest.mark.parametrize(
    ("seconds", "pause"),
    [(30, 30), (0, 0.1), (-5, 0.1), (0.01, 0.1), (3600, 60), (1e300, 60), (float("inf"), 60), (float("nan"), 0.1)],
)
def test_a_destination_may_ask_for_a_pause(
    destination: Destination, clock: Clock, monkeypatch: pytest.MonkeyPatch, seconds: float, pause: float
) -> None:
    """A minute at most, and never less than our own."""
    monkeypatch.setattr(patience, "_chance", SimpleNamespace(uniform=lambda least, most: most))
    channel = by_hand(destination, give_up=1e9)
    channel.put("a")
    destination.error = Later(seconds, "429 Too Many Requests")
    assert channel.step()
    destination.error = None
    clock.now += pause - 0.005
    assert not channel.step()
    clock.now += 0.01
    assert channel.step()
    assert destination.items == ["a"]


def test_who_always_asks_for_later_is_given_up(destination: Destination, clock: Clock) -> None:
    """A pause is not worth more than the time in which to give up."""
    channel = by_hand(destination, give_up=10)
    channel.put("a")
    destination.error = Later(60, "503")
    assert channel.step()
    clock.now += 60
    assert channel.step()
    assert (channel.dropped, channel.pending) == (1, 0)


@pytest.mark.parametrize(
    ("taken", "sent", "dropped"), [(None, 3, 0), (0, 3, 0), (2, 1, 2), (3, 0, 3), (99, 0, 3), (-1, 3, 0)]
)
def test_some_were_not_taken(taken: int | None, sent: int, dropped: int) -> None:
    """As a destination says that takes the rest; what it says is believed within reason."""
    channel = by_hand(lambda batch: taken)  # type: ignore[arg-type]
    for item in "abc":
        channel.put(item)
    assert channel.step()
    assert (channel.sent, channel.dropped, channel.pending) == (sent, dropped, 0)


def test_why_items_were_dropped(destination: Destination, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A refusal is not told as a queue that is full."""
    channel = by_hand(destination, batch=1, max_items=1)
    for _ in range(2):
        channel.put("a")
        destination.error = Refused("400 Bad Request")
        channel.step()
        channel.report_drops()
    clock.now += 60
    channel.report_drops()
    destination.error = None
    channel.put("a")
    channel.put("b")
    channel.step()
    clock.now += 60
    channel.report_drops()
    assert [record.getMessage() for record in caplog.records] == [
        "test: 0 pending, 1 dropped since last told, Refused: 400 Bad Request",
        "test: 0 pending, 1 dropped since last told, the destination refuses",
        "test: 0 pending, 1 dropped since last told, the queue is full",
    ]


# Losses outside of any channel


@pytest.fixture
def no_losses(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    before = dict(counted.losses), dict(counted._told)
    counted.losses.clear()
    counted._told.clear()
    monkeypatch.setattr(counted, "_told_at", -counted.TELL_EVERY)
    monkeypatch.setattr(counted, "monotonic", clock)
    yield clock
    for counts, kept in zip((counted.losses, counted._told), before, strict=True):
        counts.clear()
        counts.update(kept)


def test_a_loss_is_told_once_a_minute(
    no_losses: Clock, destination: Destination, caplog: pytest.LogCaptureFixture
) -> None:
    """By whichever worker is awake."""
    channel = by_hand(destination)
    channel.report_drops()
    lost("spans", 3)
    channel.report_drops()
    lost("spans")
    lost("spans")
    channel.report_drops()
    no_losses.now += 60
    channel.report_drops()
    no_losses.now += 60
    channel.report_drops()
    lost("events")
    channel.report_drops()
    assert [record.getMessage() for record in caplog.records] == [
        "3 spans dropped since last told",
        "2 spans dropped since last told",
        "1 events dropped since last told",
    ]
    assert losses == {"spans": 5, "events": 1}


def test_threads_count_every_loss(no_losses: Clock) -> None:
    barrier = threading.Barrier(8)

    def lose() -> None:
        barrier.wait()
        for _ in range(2000):
            lost("spans")

    threads = [threading.Thread(target=lose) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert losses == {"spans": 16_000}


def test_figures_of_one_name_are_one(destination: Destination) -> None:
    """And a name holds no credentials."""
    channels = [Channel(name, destination) for name in ("z", "otlp://u:p@h/x", "otlp://k@h/x", "otlp://h/x")]
    for number, channel in enumerate(channels):
        delivery.channels.discard(channel)
        channel.sent, channel.dropped = number, 10 * number
    assert figures(channels) == {"otlp://h/x": (0, 6, 60), "z": (0, 0, 0)}
    assert list(figures(channels)) == ["otlp://h/x", "z"]


# Gathering


def test_items_gather_for_a_while(destination: Destination, clock: Clock) -> None:
    """Since the first of them; a full batch waits for nothing, and what is left of it gathers anew."""
    channel = by_hand(destination, batch=3, linger=5)
    assert not channel.step()
    channel.put("a")
    assert not channel.step()
    clock.now += 4.9
    channel.put("b")
    assert not channel.step()
    clock.now += 0.2
    assert channel.step()
    assert destination.batches == [["a", "b"]]
    for item in "cdef":
        channel.put(item)
    assert channel.step()
    assert not channel.step()
    assert destination.batches[1:] == [["c", "d", "e"]]
    clock.now += 4.9
    assert not channel.step()
    clock.now += 0.2
    assert channel.step()
    assert destination.batches[2:] == [["f"]]


def test_hurry_ends_gathering(destination: Destination, clock: Clock) -> None:
    """Until the queue is empty; what comes after that has its time again."""
    channel = by_hand(destination, batch=3, linger=5)
    channel.put("a")
    assert not channel.step()
    channel.hurry()
    assert channel.step()
    assert not channel.step()
    channel.put("b")
    assert not channel.step()
    assert destination.items == ["a"]


def test_flush_waits_for_no_gathering(alone: None, destination: Destination) -> None:
    """However long that may take: nor does the end of the process."""
    for apart in (False, True):
        channel: Channel[str] = Channel("test", destination, linger=3600, apart=apart)
        for _ in range(3):
            channel.put("a")
            assert flush(LONG)
    assert destination.items == ["a"] * 6


def test_a_failed_batch_does_not_gather_again(destination: Destination, clock: Clock) -> None:
    channel = by_hand(destination, batch=3, linger=5)
    channel.put("a")
    destination.error = OSError("no")
    channel.step()
    clock.now += 5
    assert channel.step()
    destination.error = None
    channel.put("b")
    clock.now += 0.1
    assert channel.step()
    assert destination.batches == [["a"]]
    assert channel.pending == 1


# The worker


def test_what_hangs_apart_delays_nobody(alone: None) -> None:
    """Neither the lines, nor another destination that is apart."""
    hangs, goes_on = threading.Event(), threading.Event()

    def hang(batch: list[str]) -> None:
        hangs.set()
        assert goes_on.wait(LONG)

    hanging: Channel[str] = Channel("hanging", hang, apart=True)
    hanging.put("a")
    assert hangs.wait(LONG)
    try:
        for apart in (False, True):
            for _ in range(3):
                sent = threading.Event()
                other: Channel[str] = Channel("other", lambda batch, sent=sent: sent.set(), apart=apart)  # type: ignore[misc]
                other.put("b")
                assert sent.wait(LONG)
        assert hanging.pending == 1
    finally:
        goes_on.set()


def test_a_destination_that_hangs_for_long(alone: None, clock: Clock) -> None:
    """Half a minute: who puts never waits, what does not fit is counted; then it goes on where it was."""
    hangs, goes_on = threading.Event(), threading.Event()
    taken: list[int] = []

    def hang(batch: list[int]) -> None:
        hangs.set()
        assert goes_on.wait(LONG)
        taken.extend(batch)

    channel: Channel[int] = Channel("test", hang, max_items=100, batch=10, apart=True)
    channel.put(0)
    assert hangs.wait(LONG)
    took = [channel.put(number) for number in range(1, 1001)]
    assert took == [True] * 100 + [False] * 900
    clock.now += 30
    assert (channel.pending, channel.dropped) == (101, 900)
    goes_on.set()
    assert flush(LONG)
    assert taken == list(range(101))
    assert (channel.sent, channel.dropped) == (101, 900)


def test_flush_keeps_its_deadline_though_one_hangs(alone: None, destination: Destination) -> None:
    """What the others have is delivered within it; an event and not a clock says that it came back."""
    hangs, goes_on = threading.Event(), threading.Event()

    def hang(batch: list[str]) -> None:
        hangs.set()
        assert goes_on.wait(LONG)

    hanging: Channel[str] = Channel("hanging", hang, apart=True)
    hanging.put("a")
    assert hangs.wait(LONG)
    quick: Channel[str] = Channel("quick", destination, linger=3600, apart=True)
    lines: Channel[str] = Channel("lines", destination)
    quick.put("b")
    lines.put("c")
    delivered = threading.Event()
    result: list[bool] = []

    def end() -> None:
        result.append(flush(1))
        delivered.set()

    thread = threading.Thread(target=end)
    thread.start()
    assert delivered.wait(LONG)
    assert not goes_on.is_set()
    assert (result, sorted(destination.items), hanging.pending) == ([False], ["b", "c"], 1)
    goes_on.set()
    thread.join()


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError()])
def test_what_is_no_exception_ends_no_worker(alone: None, error: BaseException) -> None:
    """An exporter may leak anything; the batch is tried again like any other."""
    errors = [error, error]
    sent: list[str] = []

    def deliver(batch: list[str]) -> None:
        if errors:
            raise errors.pop()
        sent.extend(batch)

    channel: Channel[str] = Channel("test", deliver, apart=True)
    channel.put("a")
    assert flush(LONG)
    channel.put("b")
    assert flush(LONG)
    assert sent == ["a", "b"]
    assert channel.worker._thread is not None
    assert channel.worker._thread.is_alive()


def test_what_is_no_exception_is_counted_too(clock: Clock) -> None:
    def deliver(batch: list[str]) -> None:
        raise SystemExit

    channel = by_hand(deliver, give_up=1)
    channel.put("a")
    for _ in range(2):
        with pytest.raises(SystemExit):
            channel.step()
        clock.now += 5
    assert (channel.dropped, channel.pending) == (1, 0)


class Resting(SimpleQueue[None]):
    """The work of a thread that has had none for long, once it is asked for it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()

    def get(self, block: bool = True, timeout: float | None = None) -> None:
        self.asked.set()
        super().get(block, 0.001)


def test_the_thread_ends_and_starts_again(alone: None, destination: Destination) -> None:
    """After a rest; the next item has a new one."""
    channel: Channel[int] = Channel("test", destination, apart=True)
    worker = channel.worker
    worker._work = Resting()
    seen = set()
    for number in range(3):
        channel.put(number)
        thread = worker._thread
        if thread is not None:
            seen.add(thread)
            thread.join(LONG)
            assert not thread.is_alive()
        assert worker._thread is None
        assert flush(LONG)
    assert destination.items == [0, 1, 2]
    assert len(seen) == 3


def test_an_item_that_comes_as_the_thread_ends(alone: None, destination: Destination) -> None:
    """It is never left: eight threads put while the worker takes a rest whenever it can."""
    channel: Channel[int] = Channel("test", destination, apart=True)
    channel.worker._work = Resting()
    done = threading.Event()

    def put(first: int) -> None:
        for number in range(first, first + 200):
            channel.put(number)
            done.wait(0.0005)

    threads = [threading.Thread(target=put, args=(1000 * number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _ in range(3000):
        if not channel.pending:
            break
        done.wait(0.01)
    assert sorted(destination.items) == sorted(1000 * thread + number for thread in range(8) for number in range(200))
    assert (channel.sent, channel.dropped) == (1600, 0)


def test_two_threads_never_step_at_once(alone: None) -> None:
    """`flush` may take a thread for missing that is about to go on."""
    inside = threading.Lock()
    hangs, goes_on = threading.Event(), threading.Event()

    def deliver(batch: list[str]) -> None:
        assert inside.acquire(blocking=False), "another thread is in here"
        hangs.set()
        assert goes_on.wait(LONG)
        inside.release()

    channel: Channel[str] = Channel("test", deliver, apart=True)
    channel.put("a")
    assert hangs.wait(LONG)
    channel.put("b")
    assert channel.worker.round() is False
    goes_on.set()
    assert flush(LONG)
    assert (channel.sent, channel.dropped) == (2, 0)


def test_calls_for_work_do_not_pile_up(alone: None, destination: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    """One stands for all, also where no thread can be started to answer it."""

    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    channel: Channel[int] = Channel("test", destination, apart=True)
    for number in range(1000):
        channel.put(number)
    assert channel.worker._work.qsize() == 1
    assert flush(LONG)
    assert destination.items == list(range(1000))
    monkeypatch.undo()


def test_a_channel_that_is_gone_leaves_its_thread(alone: None, destination: Destination) -> None:
    """Nothing holds it but who puts into it."""
    channel: Channel[int] | None = Channel("test", destination, apart=True)
    assert channel is not None
    channel.worker._work = Resting()
    channel.put(1)
    assert flush(LONG)
    worker, gone = channel.worker, weakref.ref(channel)
    channel = None
    gc.collect()
    thread = worker._thread
    if thread is not None:
        thread.join(LONG)
        assert not thread.is_alive()
    assert gone() is None


def test_a_pause_delays_nobody_else(alone: None, destination: Destination) -> None:
    """A destination that fails waits alone."""
    destination.error = OSError("no")
    failing: Channel[str] = Channel("failing", destination)
    failing.put("a")
    for _ in range(5):
        sent = threading.Event()
        other: Channel[str] = Channel("other", lambda batch, sent=sent: sent.set())  # type: ignore[misc]
        other.put("b")
        assert sent.wait(LONG)
    assert failing.pending == 1
    destination.error = None


def test_a_call_that_hangs_delays_others_no_longer_than_itself(alone: None) -> None:
    hangs, goes_on, sent = threading.Event(), threading.Event(), threading.Event()

    def hang(batch: list[str]) -> None:
        hangs.set()
        assert goes_on.wait(LONG)

    hanging: Channel[str] = Channel("hanging", hang)
    other: Channel[str] = Channel("other", lambda batch: sent.set())
    hanging.put("a")
    assert hangs.wait(LONG)
    other.put("b")
    assert not flush(0.05)
    assert (hanging.pending, other.pending) == (1, 1)
    goes_on.set()
    assert sent.wait(LONG)


def test_the_worker_sleeps_and_wakes(alone: None) -> None:
    """With nothing to do it waits for the next item, however long that takes."""

    class Watched(SimpleQueue[None]):
        asleep = threading.Event()

        def get(self, block: bool = True, timeout: float | None = None) -> None:
            self.asleep.set()
            super().get(block, timeout)

    batches: list[list[int]] = []
    channel: Channel[int] = Channel("test", lambda batch: batches.append(list(batch)))
    channel.put(0)
    assert flush(LONG)
    worker = channel.worker
    before, work = worker._work, Watched()
    worker._work = work
    before.put(None)
    for number in range(1, 4):
        assert work.asleep.wait(LONG)
        work.asleep.clear()
        assert not worker.awake
        channel.put(number)
        assert flush(LONG)
    assert batches == [[0], [1], [2], [3]]


def test_items_gather_to_a_batch(destination: Destination) -> None:
    """One call for many of them, of at most as many as the destination takes."""
    channel = by_hand(destination, batch=100)
    for number in range(250):
        channel.put(number)
    while channel.step():
        pass
    assert [len(batch) for batch in destination.batches] == [100, 100, 50]


def test_channels_may_be_added_while_they_are_gone_through(alone: None, destination: Destination) -> None:
    """The worker goes through them all the time."""
    channels = [Channel("test", destination) for _ in range(3)]
    seen = iter(delivery.channels)
    next(seen)
    channels += [Channel("test", destination) for _ in range(100)]
    assert len(list(seen)) == 2
    assert len(delivery.channels) == 103
    del channels[50:]
    assert len(list(delivery.channels)) == 50


# Flush


def test_flush_delivers(alone: None, destination: Destination) -> None:
    """And is content when there is nothing to do."""
    assert flush(0)
    channel: Channel[int] = Channel("test", destination)
    for number in range(1000):
        channel.put(number)
    assert flush(LONG)
    assert destination.items == list(range(1000))
    assert flush(0)


def test_flush_gives_up_in_time(alone: None, destination: Destination) -> None:
    """It says so, and the items are kept."""
    destination.error = OSError("no")
    channel: Channel[str] = Channel("test", destination)
    channel.put("a")
    assert flush(0.05) is False
    assert channel.pending == 1
    destination.error = None
    assert flush(LONG) is True
    assert destination.items == ["a"]


def test_flush_waits_for_no_pause(alone: None) -> None:
    """A destination that is back gets what it missed, though its pause is not over."""
    failures = 3
    sent: list[str] = []

    def deliver(batch: list[str]) -> None:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise OSError("no")
        sent.extend(batch)

    channel: Channel[str] = Channel("test", deliver)
    channel.patience._pause = 1e9
    channel.put("a")
    assert flush(LONG)
    assert sent == ["a"]


def test_flush_delivers_itself_where_there_is_no_thread(
    alone: None, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a process that may start none; see also below."""

    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    channel = by_hand(destination)
    channel.worker = Worker(lambda: [channel])
    channel.put("a")
    assert destination.items == []
    destination.error = OSError("no")
    delivery.channels.add(channel)
    assert not flush(0.05)
    destination.error = None
    assert flush(LONG)
    assert destination.items == ["a"]
    monkeypatch.undo()


def test_a_child_forgets(destination: Destination, clock: Clock) -> None:
    """What is queued, what failed and what was counted is the parent's; see also below."""
    channel = by_hand(destination, max_items=2, max_bytes=20)
    destination.error = OSError("no")
    for item in "abc":
        channel.put(item, 10)
    channel.step()
    channel.forget()
    assert (channel.pending, channel.sent, channel.dropped) == (0, 0, 0)
    destination.error = None
    channel.put("d", 20)
    assert channel.step()
    assert destination.items == ["d"]


# Processes


def run(script: str, *, status: int = 0) -> str:
    """What *script* prints, in a process of its own."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONG, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout


FORK = """
import os, threading
from midwatch.delivery import Channel, channels, flush
hangs, goes_on = threading.Event(), threading.Event()

def deliver(batch):
    if batch[0] == "first":
        hangs.set()
        goes_on.wait()
    os.write(1, "".join(f"{os.getpid() == parent} {item}\\n" for item in batch).encode())

parent = os.getpid()
channel = Channel("test", deliver, batch=1)
channel.dropped = 7
channel.put("first")
hangs.wait()
channel.put("second")
FORKED
"""


def test_a_forked_child_starts_empty() -> None:
    """It delivers its own items by a worker of its own; the parent delivers its own, once."""
    script = """
child = os.fork()
if child == 0:
    assert (channel.pending, channel.sent, channel.dropped) == (0, 0, 0)
    channel.put("of the child")
    assert flush(20)
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert channel.pending == 2
goes_on.set()
assert flush(20)
"""
    assert run(FORK.replace("FORKED", script)).splitlines() == ["False of the child", "True first", "True second"]


def test_a_fork_with_a_full_queue() -> None:
    """The child has room, and nothing of the parent's; the parent loses nothing by it."""
    script = """
import os, threading
from midwatch.delivery import Channel, flush
hangs, goes_on = threading.Event(), threading.Event()
taken = []

def deliver(batch):
    hangs.set()
    goes_on.wait()
    taken.extend(batch)

channel = Channel("test", deliver, max_items=50)
channel.put("first")
hangs.wait()
for number in range(60):
    channel.put(number)
assert (channel.pending, channel.dropped) == (51, 10)
child = os.fork()
if child == 0:
    goes_on.set()
    for number in range(60):
        channel.put(number)
        if number == 49:
            assert flush(20)
    assert flush(20)
    assert (taken, channel.dropped) == (list(range(60)), 0)
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
goes_on.set()
assert flush(20)
assert taken == ["first", *range(50)]
"""
    run(script)


def test_an_exit_without_last_words() -> None:
    """`os._exit` waits for nobody, and what was flushed before it has arrived."""
    script = """
import os, threading
from midwatch.delivery import Channel, flush
lines = Channel("test", lambda batch: [os.write(1, f"{item}\\n".encode()) for item in batch] and None)
for number in range(100):
    lines.put(number)
assert flush(20)
hangs = threading.Event()
hanging = Channel("hanging", lambda batch: hangs.set() or threading.Event().wait(), apart=True)
hanging.put("a")
assert hangs.wait(20)
os._exit(7)
"""
    assert run(script, status=7).split() == [str(number) for number in range(100)]


def test_a_fork_between_workers() -> None:
    """Each channel apart has a worker of its own in the child too, and losses are the parent's."""
    script = """
import os, threading
from midwatch.delivery import Channel, flush, losses, lost
hangs, goes_on = threading.Event(), threading.Event()

def hang(batch):
    hangs.set()
    if os.getpid() == parent:
        goes_on.wait()
    os.write(1, f"{os.getpid() == parent} {batch}\\n".encode())

parent = os.getpid()
channels = [Channel(f"apart {number}", hang, apart=True, linger=3600) for number in range(2)]
for channel in channels:
    channel.put("of the parent")
    channel.hurry()
lost("spans", 5)
from midwatch.delivery import worker
for channel in channels:
    channel.worker.press()
assert hangs.wait(20)
child = os.fork()
if child == 0:
    assert losses == {}
    lost("spans")
    assert losses == {"spans": 1}
    for channel in channels:
        assert (channel.pending, channel._hurried) == (0, False)
        channel.put("of the child")
    assert flush(20)
    assert channels[0].worker is not channels[1].worker
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert losses == {"spans": 5}
goes_on.set()
assert flush(20)
"""
    assert sorted(run(script).splitlines()) == ["False ['of the child']"] * 2 + ["True ['of the parent']"] * 2


def test_the_end_does_not_wait_for_who_hangs() -> None:
    """A call that never returns is left behind by the end of the process, within its last words."""
    script = """
import threading
from midwatch.delivery import Channel
hangs = threading.Event()

def hang(batch):
    hangs.set()
    threading.Event().wait()

for apart in (True, False):
    hangs.clear()
    channel = Channel("test", hang, apart=apart)
    channel.put("a")
    globals()[f"kept_{apart}"] = channel
    assert hangs.wait(20)
"""
    assert run(script) == ""


def test_multiprocessing_forks_too() -> None:
    script = """
import multiprocessing

def work():
    channel.put("of the child")
    assert flush(20)

child = multiprocessing.get_context("fork").Process(target=work)
child.start()
child.join()
assert child.exitcode == 0
goes_on.set()
assert flush(20)
"""
    assert run(FORK.replace("FORKED", script)).splitlines() == ["False of the child", "True first", "True second"]


def test_without_threads_flush_delivers_itself() -> None:
    """Where no thread can be started, the caller of `flush` does the work, and no `put` raises."""
    script = """
import threading
from midwatch.delivery import Channel, flush

def start(self):
    raise RuntimeError("can't start new thread")

real, threading.Thread.start = threading.Thread.start, start
sent, errors = [], [OSError("no"), OSError("no")]

def deliver(batch):
    if errors:
        raise errors.pop()
    sent.append((threading.current_thread() is threading.main_thread(), *batch))

channel = Channel("test", deliver)
channel.put("a")
assert sent == []
assert flush(20)
assert sent == [(True, "a")]

failing = Channel("failing", lambda batch: 1 / 0)
failing.put("b")
assert not flush(0.05)
del failing

threading.Thread.start = real
channel.put("c")
assert flush(20)
assert sent[1:] == [(False, "c")]
"""
    run(script)


def test_what_nobody_flushed_is_delivered_at_the_end() -> None:
    """A script that ends at once loses nothing."""
    script = """
from midwatch.destinations import lines_to
put = lines_to("stdout")
for number in range(1000):
    put(f"line {number}")
"""
    assert run(script).splitlines() == [f"line {number}" for number in range(1000)]


def test_the_end_does_not_wait_for_ever() -> None:
    """A destination that fails delays it by seconds, not more."""
    script = """
from midwatch.delivery import Channel
channel = Channel("test", lambda batch: 1 / 0)
channel.put("a")
"""
    assert run(script) == ""


def test_nothing_runs_before_the_first_item() -> None:
    """Importing starts no thread."""
    script = """
import threading, midwatch
assert threading.active_count() == 1
from midwatch.delivery import Channel, flush
channel = Channel("test", print)
assert threading.active_count() == 1
channel.put("a")
channel.put("b")
assert flush(20)
assert [thread.name for thread in threading.enumerate()] == ["MainThread", "midwatch-delivery"]
"""
    run(script)
