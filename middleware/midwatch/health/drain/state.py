"""Whether this process drains, since when and why, and who is told."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING, Final, final

from ...plugin import hook_failed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FILE", "Begun", "State"]

logger = logging.getLogger("midwatch.health")

FILE: Final = "file"
"""The reason of a drain that lasts as long as a file is there."""


@final
class Begun:
    """
    A drain under way.

    Args:
        reason: What began it.
        until: Clock when it is over, as far as it has an end.

    Attributes:
        over: Done then, if somebody waits for it, which is what the `timer` is for.
    """

    __slots__ = ("over", "reason", "timer", "until")

    def __init__(self, reason: str, until: float) -> None:
        self.reason = reason
        self.until = until
        self.over: Future[None] = Future()
        self.timer: threading.Timer | None = None

    def end(self) -> None:
        """Tell those who wait."""
        if self.timer is not None:
            self.timer.cancel()
        with suppress(InvalidStateError):
            self.over.set_result(None)


@final
class State:
    """
    The drain of one process.

    Args:
        clock: Seconds; only differences count.

    Attributes:
        begun: The drain under way.
        begins, ends: Called, in a thread, when one begins and when the process goes on after all.
        lock: Held while that changes.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.begun: Begun | None = None
        self.begins: list[Callable[[], object]] = []
        self.ends: list[Callable[[], object]] = []
        self.lock = threading.RLock()
        self._clock = clock

    @property
    def left(self) -> float:
        """Seconds for which it goes on; 0 when it is over, and when there is none."""
        begun = self.begun
        return 0.0 if begun is None else max(0.0, begun.until - self._clock())

    def begin(self, reason: str, seconds: float) -> bool:
        """Drain; False where the process drains already."""
        with self.lock:
            if self.begun is not None:
                return False
            self.begun = Begun(reason, self._clock() + seconds)
        _tell(f"draining {_how_long(reason, seconds)}: no more requests should come", self.begins)
        return True

    def end(self) -> None:
        """Go on after all."""
        with self.lock:
            begun, self.begun = self.begun, None
        if begun is not None:
            begun.end()
            _tell("draining no more: requests may come again", self.ends)

    def over(self) -> Future[None] | None:
        """What is done when the drain under way is over; None where none is, or nothing can wait for it."""
        with self.lock:
            begun = self.begun
            if begun is None:
                return None
            if begun.timer is None:
                timer = threading.Timer(self.left, begun.end)
                timer.daemon = True
                try:
                    timer.start()
                except RuntimeError:
                    return None  # Out of threads.
                begun.timer = timer
            return begun.over

    def forget(self) -> None:
        """Start afresh, in a forked child."""
        self.lock = threading.RLock()
        self.begun = None


def _how_long(reason: str, seconds: float) -> str:
    if reason == FILE:
        return "while the file is there"
    shown = round(seconds, 1)
    return f"for {shown:g} s ({reason})" if shown else f"({reason})"


def _tell(message: str, callbacks: list[Callable[[], object]]) -> None:
    """Log *message* and run *callbacks*, in a thread: whoever begins a drain waits for none of them."""

    def tell() -> None:
        with suppress(Exception):
            logger.warning("%s", message)
        for callback in callbacks:
            try:
                callback()
            except Exception:
                hook_failed(callback)

    try:
        threading.Thread(target=tell, name="midwatch-drain-told", daemon=True).start()
    except RuntimeError:
        tell()  # Out of threads.
