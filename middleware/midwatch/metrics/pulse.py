"""What figures need once a second: one thread for all of them, which costs requests nothing."""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Final, final

from ..plugin import hook_failed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Pulse"]

PATIENCE: Final = 1.0
"""Seconds that `Pulse.now` waits for turns that run already: one of them may hang."""

_pulses: weakref.WeakSet[Pulse] = weakref.WeakSet()


@final
class Pulse:
    """
    Calls turns, one after another, every *period* seconds in a daemon thread.

    A turn that raises is logged once a minute and counted with the failures of plugins; the others have theirs all the
    same. The thread does not keep its pulse alive, and a forked child has none until the next `start`.

    Args:
        period: Seconds between two rounds.

    Attributes:
        over: Set to have the thread end with its next round; an event would take a lock.
        ended: Called in the thread after that round.
    """

    def __init__(self, period: float = 1.0) -> None:
        self._period = period
        self.ended: Callable[[], object] = lambda: None
        self._turns: tuple[Callable[[], object], ...] = ()
        self.over = False
        self.forget()
        _pulses.add(self)

    def forget(self) -> None:
        """Start afresh, in a forked child: the thread is the parent's, and so is who held the lock."""
        self._lock = threading.RLock()
        self._stopped: weakref.finalize[..., Pulse] | None = None

    def each(self, turn: Callable[[], object]) -> None:
        """Call *turn* in every round from now on."""
        self._turns = (*self._turns, turn)

    def start(self) -> None:
        """Start the thread of this process, unless it runs."""
        self.over = False
        if self._stopped is None:
            with self._lock:
                self._start()

    def _start(self) -> None:
        if self._stopped is not None:
            return
        stopped = threading.Event()
        thread = threading.Thread(
            target=_beat, args=(weakref.ref(self), stopped, self._period), name="midwatch-pulse", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            return  # Out of threads, or the interpreter ends: a scrape still has its `now`.
        self._stopped = weakref.finalize(self, stopped.set)
        self._stopped.atexit = False

    def now(self) -> None:
        """One round in the caller's thread, so that what is read next is of now."""
        lock = self._lock
        if not lock.acquire(timeout=PATIENCE):
            return
        try:
            for turn in self._turns:
                try:
                    turn()
                except Exception:
                    hook_failed(turn)
        finally:
            lock.release()

    def stop(self) -> None:
        """End the thread; a round that runs is not waited for."""
        stopped, self._stopped = self._stopped, None
        if stopped is not None:
            stopped()

    def end(self) -> None:
        """The last round, in the thread."""
        self.now()
        self.stop()
        try:
            self.ended()
        except Exception:
            hook_failed(self.ended)


def _beat(known: weakref.ref[Pulse], stopped: threading.Event, period: float) -> None:
    while not stopped.wait(period):
        pulse = known()
        if pulse is None:
            return
        if pulse.over:
            pulse.end()
            return
        pulse.now()
        del pulse


def _after_fork() -> None:
    for pulse in list(_pulses):
        pulse.forget()


os.register_at_fork(after_in_child=_after_fork)
