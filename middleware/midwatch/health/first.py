"""The first results of a process: who asks before they are there waits a moment for them."""

from __future__ import annotations

import math
import threading
from concurrent.futures import Future
from time import monotonic
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable

    from .group import Group

__all__ = ["First"]

MOST: Final = 0.5
"""Seconds from the start of the checks, so that one that hangs holds up nobody for longer, and later nobody at all."""


@final
class First:
    """Who waits for the first results; *lacks* says whether a group fails since a check of it has none yet."""

    def __init__(self) -> None:
        self._until: float | None = None
        self._lock = threading.Lock()
        self._waits: dict[Group, Future[None]] = {}

    def begin(self) -> None:
        """The checks start; again and again is as good as once."""
        if self._until is None:
            self._until = monotonic() + MOST

    @property
    def left(self) -> float:
        """Seconds for which is waited, at most."""
        return 0.0 if self._until is None else max(0.0, self._until - monotonic())

    def of(self, group: Group, lacks: Callable[[Group], bool]) -> Future[None] | None:
        """What is done when *group* has its first results, or the time is up; None where nobody has to wait."""
        if not self.left or not lacks(group):
            return None
        with self._lock:
            wait = self._waits.get(group)
            if wait is None:
                wait = self._waits[group] = Future()
                wait.set_running_or_notify_cancel()
        return wait

    def due(self, lacks: Callable[[Group], bool]) -> tuple[list[Future[None]], float]:
        """What to let go, since it waits for nothing any more; and seconds until the rest is."""
        if not self._waits:
            return [], math.inf
        left = self.left
        with self._lock:
            done = [group for group in self._waits if not left or not lacks(group)]
            return [self._waits.pop(group) for group in done], left if self._waits else math.inf
