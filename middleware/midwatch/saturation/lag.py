"""
Event-loop lag: how late a callback comes that is due at once; and who is to blame where that is too late.

A coroutine cannot watch its own loop: while the loop is blocked, the coroutine is, too. A thread can.
"""

from __future__ import annotations

import os
import threading
import weakref
from math import inf
from time import monotonic, process_time
from typing import TYPE_CHECKING, Final, final

from ..plugin import hook_failed
from .blocking import Blocking, Cause
from .watched import Watched

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from ..metrics.store import Store

__all__ = ["BUCKETS", "LoopWatch", "latest"]

BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds, seconds."""

PERIOD: Final = 0.1
"""Seconds between two stamps."""

MISSED: Final = 600
"""Stamps that are made up for at once."""

COMPUTING: Final = 0.1
"""Share of the time that a process which stood still by its own doing has computed; the machine may serve others."""

WHOLE: Final = frozenset({Cause.HELD, Cause.STARVED})
"""Causes that stop the whole process."""

_watches: weakref.WeakSet[LoopWatch] = weakref.WeakSet()


def latest() -> float | None:
    """Seconds that the slowest event loop of this process is late right now; None where none is watched."""
    return max((watch.lag for watch in list(_watches) if watch.watching), default=None)


@final
class LoopWatch:
    """
    Watches event loops from a thread of its own, which ends when the last loop has.

    Args:
        store: Where `event_loop_lag_seconds` and `event_loop_blocked_total` are kept.
        threshold: Seconds after which a loop counts as blocked, and the log says by whom.
        period: Seconds between two stamps.
        clock: Seconds; only differences count.

    Raises:
        ValueError: a threshold or period that is not above zero.
    """

    def __init__(
        self,
        store: Store,
        *,
        threshold: float = 0.25,
        period: float = PERIOD,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        if not (threshold > 0 and period > 0):
            raise ValueError(f"lag: {threshold} s, looked at every {period} s, can never be exceeded")
        self._lags = store.histogram("event_loop_lag_seconds", "How late event loops are.", BUCKETS).of()
        self._blocks = store.counter(
            "event_loop_blocked", "Times that an event loop was blocked.", ("cause",), bounded=False
        )
        self._threshold, self._period, self._clock = threshold, period, clock
        self._blocking = Blocking(clock)
        self.forget()
        _watches.add(self)

    def forget(self) -> None:
        """Start without loops, in a forked child: those run in the parent."""
        self._lock = threading.Lock()
        self._loops: dict[int, Watched] = {}
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._peak = 0.0

    @property
    def watching(self) -> bool:
        """Whether there is a loop to watch."""
        return any(one.open for one in list(self._loops.values()))

    @property
    def lag(self) -> float:
        """Seconds that the slowest loop is late right now."""
        now = self._clock()
        return max((max(one.lag, one.age(now)) for one in list(self._loops.values()) if one.open), default=0.0)

    def peak(self) -> float:
        """The greatest lag since this was last asked, seconds."""
        peak, self._peak = max(self._peak, self.lag), 0.0
        return peak

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch *loop* until it is closed; a loop that is watched already is not watched twice."""
        with self._lock:
            known = self._loops.get(id(loop))
            if known is None or not known.is_of(loop):
                try:
                    self._loops[id(loop)] = Watched(loop, self._clock)
                except TypeError:
                    return
            if self._thread is None:
                self._ended = threading.Event()
                started = threading.Thread(
                    target=self._run, args=(self._ended,), name="midwatch-loop-watch", daemon=True
                )
                try:
                    started.start()
                except RuntimeError:  # Out of threads, or the interpreter ends.
                    return
                self._thread = started

    def stop(self) -> None:
        """Watch nothing more."""
        with self._lock:
            self._ended.set()
            self._loops.clear()
            thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)

    def _run(self, ended: threading.Event) -> None:
        while not self._through(ended):
            last, spent = self._clock(), process_time()
            ended.wait(self._period)
            now = self._clock()
            # What this thread itself is late by is no loop's doing: the whole process stood still.
            held = now - last - self._period
            cause = _cause(held, process_time() - spent) if held > self._threshold / 2 else Cause.BLOCKED
            try:
                loops = list(self._loops.items())
                if held >= self._threshold and all(one.age(now) < self._threshold for _, one in loops):
                    self._stood_still(held, cause)
                for key, one in loops:
                    self._look(key, one, now, cause)
            except Exception:
                hook_failed(self.watch)

    def _through(self, ended: threading.Event) -> bool:
        with self._lock:
            if self._ended is ended and not self._loops:
                self._thread = None
            return ended.is_set() or self._thread is None

    def _stood_still(self, seconds: float, cause: Cause) -> None:
        """No stamp was on its way, but one would have had no answer."""
        self._note(seconds)
        self._blocks.add(1.0, cause)
        self._blocking.tell_of_process(seconds, cause)

    def _note(self, lag: float) -> None:
        """
        Observe *lag*, and what the stamps would have met that were due meanwhile.

        Without them a loop that is blocked half of the time would look as if that were one stamp in a hundred.
        """
        self._peak = max(self._peak, lag)
        for missed in range(1 + min(MISSED, int(lag / self._period))):
            self._lags.observe(lag - missed * self._period)

    def _look(self, key: int, one: Watched, now: float, cause: Cause) -> None:
        lag = one.answered()
        if lag is not None:
            self._note(lag)
        age = one.age(now)
        self._peak = max(self._peak, age)
        if age >= one.told + self._threshold:
            # Where the whole process stood still, the loop may be blocked besides: that is seen afterwards.
            one.told = age if cause in WHOLE else inf
            cause = self._blocking.tell(one, age, cause)
            self._blocks.add(1.0, cause)
        elif age >= self._period / 2 and one.task is None and (task := one.current()) is not None:
            one.task = weakref.ref(task)
        if not one.post(now):
            with self._lock:
                self._loops.pop(key, None)


def _cause(held: float, burnt: float) -> Cause:
    """Why this thread was *held* up for so many seconds, in which the process *burnt* so many of CPU time."""
    return Cause.HELD if burnt >= held * COMPUTING else Cause.STARVED


def _after_fork() -> None:
    for watch in list(_watches):
        watch.forget()


os.register_at_fork(after_in_child=_after_fork)
