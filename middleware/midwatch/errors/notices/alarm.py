"""The thread that waits until something is to be said."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, final

from ...plugin import hook_failed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Alarm"]

AFTER_FAILURE: Final = 1.0
"""Seconds before it rings again; what was due may still be."""


@final
class Alarm:
    """
    Calls *ring* when it is due, in a thread that lives only while something is.

    Args:
        due: When *ring* is to be called, by the clock; None for not at all.
        ring: Called in the thread.
        clock: Seconds, never going back.
    """

    def __init__(self, due: Callable[[], float | None], ring: Callable[[], None], clock: Callable[[], float]) -> None:
        self._due, self._ring, self._clock = due, ring, clock
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._until: float | None = None
        """What the thread waits for, if it does; it looks at what is due before it waits, and before it ends."""

    def set(self) -> None:
        """To be called whenever something may have become due, or earlier; costs next to nothing if not."""
        due = self._due()
        if due is None:
            return
        until = self._until
        if until is None or due < until:
            self.look()

    def look(self) -> None:
        """Have the thread look at the clock and at what is due, now."""
        with self._changed:
            if self._thread is None and self._due() is not None:
                thread = threading.Thread(target=self._run, name="midwatch-notices", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    return  # Out of threads, or the interpreter ends: the next one tries again, or who closes tells.
                self._thread = thread
            self._changed.notify_all()

    def join(self, timeout: float) -> bool:
        """Wait for the end of the thread; False where something is still due after *timeout* seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None, timeout)

    def _run(self) -> None:
        while self._waited():
            try:
                self._ring()
            except Exception:
                hook_failed(self._ring)
                with self._changed:
                    self._changed.wait(AFTER_FAILURE)

    def _waited(self) -> bool:
        """Wait until it is due; False once nothing is."""
        with self._changed:
            while True:
                # In this order: who makes something due, and then finds us waiting, is seen here.
                self._until = None
                due = self._due()
                if due is None:
                    self._thread = None
                    self._changed.notify_all()
                    return False
                self._until = due
                left = due - self._clock()
                if left <= 0:
                    return True
                self._changed.wait(left)

    def after_fork(self) -> None:
        """In the child: the thread is the parent's."""
        self._changed = threading.Condition()
        self._thread = self._until = None
