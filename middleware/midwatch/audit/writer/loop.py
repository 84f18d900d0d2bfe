"""A thread that takes turns at something until it is told to end."""

from __future__ import annotations

import contextlib
import threading
from enum import IntEnum
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, final

from ...plugin import hook_failed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Loop", "Wants"]

REST: Final = 1.0
"""Seconds of rest after a turn that failed."""

THE_ONE: Final = "the one"
"""Key of the thread of a loop, of which there is at most one."""


class Wants(IntEnum):
    """Which new events a waiting thread wants to hear of."""

    NONE = 0
    URGENT = 1
    ANY = 2


@final
class Loop:
    """
    A thread, started when it is first called for.

    Args:
        turn: Does what there is to do, and says in how many seconds there is more at the latest; None for: when called.
        end: Called in the thread before it ends.

    Attributes:
        wants: Set in a turn, for who would call for nothing but a new event; `ANY` again with the next.
        ending: Whether the thread is to end.
    """

    def __init__(self, name: str, turn: Callable[[], float | None], end: Callable[[], object]) -> None:
        self._name, self._turn, self._end = name, turn, end
        self.wants = Wants.ANY
        # Re-entrant, it and the queue: a signal handler that records may interrupt any of the lines below.
        self._starting = threading.RLock()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._threads: dict[str, threading.Thread] = {}
        self.ending = False

    @property
    def _thread(self) -> threading.Thread | None:
        return self._threads.get(THE_ONE)

    @property
    def running(self) -> bool:
        """Whether there is a thread."""
        return self._thread is not None

    def ring(self) -> bool:
        """Have a turn soon; never waits. False where there can be no thread: the interpreter ends, or has too many."""
        if self._bell.empty():
            self._bell.put(None)
        return self._thread is not None or self._start()

    def end(self) -> None:
        """End the thread when there is nothing more to do."""
        self.ending = True
        if self._thread is not None:
            self.ring()

    def join(self, timeout: float) -> bool:
        """Wait for that; whether there is no thread."""
        with self._starting:  # So that it has been started.
            thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return self._thread is None

    def _start(self) -> bool:
        with self._starting:
            thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            # In one step: a signal handler that rings in the midst of this would start another.
            if self._threads.setdefault(THE_ONE, thread) is not thread:
                return True
            self.ending = False
            try:
                thread.start()
            except RuntimeError:
                del self._threads[THE_ONE]
                return False
            return True

    def _run(self) -> None:
        while True:
            self.wants = Wants.ANY
            pause = self._guarded()
            if self.ending and pause is None and self._ended():
                return
            with contextlib.suppress(Empty):
                self._bell.get(timeout=pause)
            # One call stands for all.
            while not self._bell.empty():
                with contextlib.suppress(Empty):
                    self._bell.get_nowait()

    def _guarded(self) -> float | None:
        try:
            return self._turn()
        except BaseException:  # Whatever it is, it must not end the thread.
            hook_failed(self._turn)
            return REST

    def _ended(self) -> bool:
        try:
            self._end()
        except Exception:
            hook_failed(self._end)
        with self._starting:
            # Who calls from now on finds no thread and starts one; who did before is served first.
            if self._bell.empty():
                del self._threads[THE_ONE]
                return True
        return False
