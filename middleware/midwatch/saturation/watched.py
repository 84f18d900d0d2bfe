"""One event loop under watch: a stamp is posted into it, and comes back as late as everything else in it does."""

from __future__ import annotations

import asyncio
import threading
import weakref
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Watched"]


@final
class Watched:
    """
    A loop, which is not kept alive, and the stamp that is on its way through it.

    Written by two threads, one field each: the watcher posts, the loop answers.

    Args:
        loop: An asyncio loop; of uvloop too.
        clock: Seconds; only differences count.

    Attributes:
        sent: When the stamp was posted that has no answer yet.
        lag: Seconds that the latest answer took.
        thread: Identity of the thread that runs the loop; None until it has answered once.
        told: Seconds of this block that have been reported; infinite once it needs no further word.
        task: What the loop was at when the stamp was first missed.

    Raises:
        TypeError: a loop of a kind that takes no weak reference.
    """

    __slots__ = ("_clock", "_loop", "_pending", "_unnoted", "_void", "lag", "sent", "task", "thread", "told")

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float]) -> None:
        self._loop = weakref.ref(loop)
        self._clock = clock
        self._pending = self._void = False
        self.told = 0.0
        self._unnoted: float | None = None
        self.sent: float | None = None
        self.task: weakref.ref[asyncio.Task[Any]] | None = None
        self.thread: int | None = None
        self.lag = 0.0

    def is_of(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether this watches *loop*, and not one that was at its address before."""
        return self._loop() is loop

    @property
    def open(self) -> bool:
        """Whether the loop can still be run."""
        loop = self._loop()
        return loop is not None and not loop.is_closed()

    def post(self, now: float) -> bool:
        """Send a stamp unless one is on its way; False once the loop is closed, or gone."""
        loop = self._loop()
        if loop is None or loop.is_closed():
            return False
        if not loop.is_running():
            # Between two runs it is nobody's fault that it does not answer.
            self._void = self._pending
            self.sent = None
        elif not self._pending:
            self._pending, self._void, self.told, self.task = True, False, 0.0, None
            self.sent = now
            try:
                loop.call_soon_threadsafe(self._answer, now)
            except RuntimeError:
                return False  # Closed since.
        return True

    def _answer(self, sent: float) -> None:
        """In the loop."""
        if not self._void:
            self.lag = self._unnoted = max(0.0, self._clock() - sent)
            self.thread = threading.get_ident()
        self.sent = None
        self._pending = False

    def answered(self) -> float | None:
        """The lag that nobody has noted yet."""
        lag, self._unnoted = self._unnoted, None
        return lag

    def age(self, now: float) -> float:
        """Seconds for which the stamp has had no answer."""
        sent = self.sent
        return 0.0 if sent is None else max(0.0, now - sent)

    def current(self) -> asyncio.Task[Any] | None:
        """The task that the loop is at, asked from another thread."""
        loop = self._loop()
        return None if loop is None else asyncio.current_task(loop)
