"""
The thread behind channels: it waits for items, lets them gather for a moment, and steps every channel that it has.

It starts with the first item, once per process, and ends when nothing came for long.
"""

from __future__ import annotations

import contextlib
import threading
from queue import Empty, SimpleQueue
from time import sleep
from typing import TYPE_CHECKING, Final, Protocol, final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["LINGER", "Worker", "rounds"]

LINGER: Final = 0.02
"""Seconds in which items gather to a batch: all that a process which is killed can lose of its lines."""

IDLE_ROUNDS: Final = 5
"""Empty rounds after which the worker sleeps until it is woken."""

REST: Final = 60.0
"""Seconds without work after which the thread ends."""

rounds = threading.Condition()
"""Notified after each round of any worker."""


class Stepped(Protocol):
    """What a worker needs of a channel."""

    @property
    def busy(self) -> bool: ...
    def step(self) -> bool: ...
    def report_drops(self) -> None: ...
    def hurry(self) -> None: ...


@final
class Worker:
    """
    A thread that steps channels, one after the other.

    Args:
        channels: Those that are its own, now.
    """

    def __init__(self, channels: Callable[[], Sequence[Stepped]]) -> None:
        self._channels = channels
        self.awake = False
        self._thread: threading.Thread | None = None
        # Re-entrant, it and the queues: a signal handler that logs may interrupt any of the lines below.
        self._starting = threading.RLock()
        self._stepping = threading.Lock()
        self._work: SimpleQueue[None] = SimpleQueue()
        self._hurry: SimpleQueue[None] = SimpleQueue()

    def wake(self) -> None:
        if self._work.empty():
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
                if not self.busy and not self._called():
                    return
            self.awake = True
            _emptied(self._work)
            with contextlib.suppress(Empty):
                self._hurry.get(timeout=LINGER)
            _emptied(self._hurry)
            worked = False
            # What is no Exception (a CancelledError of an exporter, say) is noted too; it must not end the thread.
            with contextlib.suppress(BaseException):
                worked = self.round()
            idle = 0 if worked else idle + 1

    def _called(self) -> bool:
        """Wait for work; False when the thread may end, since none came for long."""
        try:
            self._work.get(timeout=REST)
        except Empty:
            with self._starting:
                # First, so that whoever puts something in from now on finds no thread, and starts one.
                thread, self._thread = self._thread, None
                if not self.busy and self._work.empty():
                    return False
                self._thread = thread
        return True

    @property
    def busy(self) -> bool:
        """Whether any channel has something to do."""
        return any(channel.busy for channel in self._channels())

    def round(self) -> bool:
        """Step every channel until none has more to do for now; False where another thread is at it."""
        if not self._stepping.acquire(blocking=False):
            return False
        worked = False
        try:
            for channel in self._channels():
                while channel.step():
                    worked = True
                channel.report_drops()
        finally:
            self._stepping.release()
            with rounds:
                rounds.notify_all()
        return worked

    @contextlib.contextmanager
    def held(self, timeout: float) -> Iterator[bool]:
        """Between two rounds, if it comes to that within *timeout* seconds: whether it did, and nobody steps."""
        held = self._stepping.acquire(timeout=timeout)
        try:
            yield held
        finally:
            if held:
                self._stepping.release()

    def press(self) -> None:
        """Have a round at once, in the thread if there is one, else here."""
        for channel in self._channels():
            channel.hurry()
        if self._thread is None:
            self.round()
            sleep(LINGER)
        else:
            self._hurry.put(None)
            self.wake()


def _emptied(queue: SimpleQueue[None]) -> None:
    """Take everything out of *queue*: one call for work stands for all."""
    while not queue.empty():
        with contextlib.suppress(Empty):
            queue.get_nowait()
