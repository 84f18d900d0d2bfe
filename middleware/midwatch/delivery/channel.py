"""
One background worker behind every destination.

A `Channel` is a bounded queue in front of one destination. Putting something into it never waits: what does not fit is
dropped and counted. The worker takes what has gathered, in batches, retries a failed batch with growing pauses inside a
time limit, and lets no channel wait for another one's pause. It starts with the first item, once per process; a forked
child starts with empty queues and a worker of its own, since the parent still has the items.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import random
import threading
import weakref
from collections import deque
from multiprocessing import util
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Channel", "channels", "flush"]

T = TypeVar("T")

logger = logging.getLogger("midwatch.delivery")

LINGER: Final = 0.02
"""Seconds in which items gather to a batch: all that a process which is killed can lose."""

IDLE_ROUNDS: Final = 5
"""Empty rounds after which the worker sleeps until it is woken."""

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
TELL_EVERY: Final = 60.0
LAST_WORDS: Final = 2.0


class Channel(Generic[T]):
    """
    A bounded queue in front of one destination.

    Args:
        name: Shown with the counts, at `/metrics` and in health.
        deliver: Sends one batch, in the worker; an exception means that none of it arrived.
        max_items, max_bytes: What does not fit is dropped, the newest first.
        batch: Most items handed to *deliver* at once.
        give_up: Seconds after which a batch that cannot be sent is dropped.

    Attributes:
        sent, dropped: Items delivered, and lost for any reason.
    """

    def __init__(
        self,
        name: str,
        deliver: Callable[[list[T]], None],
        *,
        max_items: int = 20_000,
        max_bytes: int = 32 << 20,
        batch: int = 512,
        give_up: float = 10.0,
    ) -> None:
        self.name = name
        self.sent = self.dropped = 0
        self._deliver = deliver
        self._max_items, self._max_bytes = max_items, max_bytes
        self._batch, self._give_up = batch, give_up
        self._items: deque[T] = deque()
        self._bytes = 0
        self._flight: list[T] = []
        self._failing_since: float | None = None
        self._pause = self._not_before = 0.0
        self._told, self._told_at = 0, -TELL_EVERY
        channels.add(self)

    def put(self, item: T, size: int = 0) -> None:
        """Queue *item* of *size* bytes; never waits."""
        if len(self._items) >= self._max_items or self._bytes + size > self._max_bytes:
            self.dropped += 1
            return
        # Threads may lose each other's addition here; the sum starts afresh whenever the queue is empty.
        self._bytes += size
        self._items.append(item)
        if not _worker.awake:
            _worker.wake()

    @property
    def pending(self) -> int:
        """Items queued or being sent."""
        return len(self._items) + len(self._flight)

    def step(self) -> bool:
        """Send one batch, if there is one and its pause is over; for the worker. False when there was nothing to do."""
        if not self._flight:
            items = self._items
            queued = len(items)
            self._flight = [items.popleft() for _ in range(min(queued, self._batch))]
            # Sizes are not kept: what leaves is taken to be of average size.
            self._bytes = self._bytes * (queued - len(self._flight)) // queued if queued else 0
        if not self._flight or monotonic() < self._not_before:
            return False
        try:
            self._deliver(self._flight)
        except Exception as error:
            self._failed(error)
        else:
            self.sent += len(self._flight)
            self._flight = []
            self._failing_since, self._pause = None, 0.0
        return True

    def _failed(self, error: Exception) -> None:
        now = monotonic()
        if self._failing_since is None:
            self._failing_since = now
        if now - self._failing_since >= self._give_up:
            self.dropped += len(self._flight)
            self._flight = []
            self._failing_since = now
        self._pause = min(max(FIRST_PAUSE, 2 * self._pause), LONGEST_PAUSE)
        self._not_before = now + self._pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        self._tell(error)

    def _tell(self, why: str | Exception) -> None:
        if monotonic() - self._told_at >= TELL_EVERY:
            self._told_at = monotonic()
            lost, self._told = self.dropped - self._told, self.dropped
            with contextlib.suppress(Exception):  # Neither a broken log handler nor a hostile error ends the worker.
                why = why if isinstance(why, str) else f"{type(why).__name__}: {why}"
                logger.warning("%s: %d pending, %d dropped since last told, %s", self.name, self.pending, lost, why)

    def report_drops(self) -> None:
        """Say that items were dropped, at most once a minute; for the worker."""
        if self.dropped != self._told:
            self._tell("the queue is full" if self._failing_since is None else "the destination fails")

    def hurry(self) -> None:
        """End the pause after a failure: there is a flush to finish."""
        self._not_before = 0.0

    def forget(self) -> None:
        """Start empty, in a forked child."""
        self._items, self._flight, self._bytes = deque(), [], 0
        self._failing_since, self._pause, self._not_before = None, 0.0, 0.0
        self.sent = self.dropped = self._told = 0


@final
class _Channels(weakref.WeakSet[Channel[Any]]):
    """Every channel of this process; may grow in one thread while another one goes through it."""

    def __iter__(self) -> Iterator[Channel[Any]]:
        references = self.data.copy()  # type: ignore[attr-defined]
        return iter([channel for reference in references if (channel := reference()) is not None])


channels: Final = _Channels()


@final
class _Worker:
    """The thread that steps all channels."""

    def __init__(self) -> None:
        self.awake = False
        self._thread: threading.Thread | None = None
        # Re-entrant, all three: a signal handler that logs may interrupt any of the lines below.
        self._starting = threading.RLock()
        self._work: SimpleQueue[None] = SimpleQueue()
        self._hurry: SimpleQueue[None] = SimpleQueue()
        self._round = threading.Condition()

    def wake(self) -> None:
        self._work.put(None)
        if self._thread is None or not self._thread.is_alive():
            with self._starting:
                if self._thread is None or not self._thread.is_alive():
                    thread = threading.Thread(target=self._run, name="midwatch-delivery", daemon=True)
                    try:
                        thread.start()
                    except RuntimeError:
                        return  # Out of threads, or the interpreter ends: flush() delivers in its caller's.
                    self._thread = thread

    def _run(self) -> None:
        idle = 0
        while True:
            if idle > IDLE_ROUNDS:
                self.awake = False
                if not any(channel.pending for channel in channels):
                    self._work.get()
            self.awake = True
            _emptied(self._work)
            with contextlib.suppress(Empty):
                self._hurry.get(timeout=LINGER)
            _emptied(self._hurry)
            idle = 0 if self.round() else idle + 1

    def round(self) -> bool:
        """Step every channel until none has more to do for now."""
        worked = False
        for channel in channels:
            while channel.step():
                worked = True
            channel.report_drops()
        with self._round:
            self._round.notify_all()
        return worked

    def flush(self, timeout: float) -> bool:
        end = monotonic() + timeout
        while any(channel.pending for channel in channels):
            left = end - monotonic()
            if left <= 0:
                return False
            for channel in channels:
                channel.hurry()
            if self._thread is None:
                self.round()
                sleep(min(left, LINGER))
                continue
            with self._round:
                self._hurry.put(None)
                self.wake()
                self._round.wait(min(left, FIRST_PAUSE))
        return True


def _emptied(queue: SimpleQueue[None]) -> None:
    """Take everything out of *queue*: one call for work stands for all."""
    while not queue.empty():
        with contextlib.suppress(Empty):
            queue.get_nowait()


_worker = _Worker()


def flush(timeout: float = 5.0) -> bool:
    """Deliver what is queued, within *timeout* seconds; False if something is still pending. `atexit` does so too."""
    return _worker.flush(timeout)


def _in_child(_: object) -> None:
    """Children of multiprocessing end without `atexit`; this is what they run instead."""
    util.Finalize(None, flush, args=(LAST_WORDS,), exitpriority=0)


def _after_fork() -> None:
    global _worker  # noqa: PLW0603 - the parent's worker does not exist here
    _worker = _Worker()
    for channel in channels:
        channel.forget()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(flush, LAST_WORDS)
util.register_after_fork(channels, _in_child)
