"""A check with a name and a past: the run in progress, the latest status, what was logged of it."""

from __future__ import annotations

import logging
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, final

from .flight import Flight
from .result import ORDER, Status

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from .checks import Loaded
    from .result import Reading

__all__ = ["Probe"]

logger = logging.getLogger("midwatch.health")

QUIET: Final = 60.0
"""Seconds between two tracebacks of one check."""

MAX_UNTOLD: Final = 64
"""Lines kept while a log handler hangs."""


@final
class Probe:
    """
    One check of the service.

    Args:
        name: Shown to operators.
        check: What to run.
        clock: Seconds; only differences count.
    """

    def __init__(self, name: str, check: Loaded, clock: Callable[[], float]) -> None:
        self.name = name
        self.groups = check.groups
        self.timeout = check.timeout
        self._check = check
        self._clock = clock
        self._lock = threading.Lock()
        self._flight: Flight | None = None
        self._status: Status | None = None
        self._told_at = -QUIET
        self._untold: deque[Callable[[], None]] = deque(maxlen=MAX_UNTOLD)
        self._telling = threading.Lock()

    def run(self, loop: asyncio.AbstractEventLoop | None) -> tuple[Flight, bool]:
        """
        Start the check, or join the run in progress: a check that hangs occupies one thread, however often it is asked.

        Returns:
            the run, and whether it is stuck: nobody waits for it any more.
        """
        with self._lock:
            flight = self._flight
            if flight is not None and not flight.over:
                return flight, flight.late
            flight = self._flight = Flight(self.name, self._check, loop, self._clock)
        flight.start()
        return flight, False

    def note(self, reading: Reading) -> None:
        """Take over the status; never waits."""
        with self._lock:
            before, self._status = self._status, reading.status
            if self._flight is not None and self._flight.over:
                self._flight = None  # It holds an exception, whose frames may hold a connection.
            changed = before is not reading.status and (before is not None or reading.status is not Status.PASS)
            error = reading.error
            if error is not None:
                if self._clock() - self._told_at >= QUIET:
                    self._told_at = self._clock()
                else:
                    error = None
            if not changed and error is None:
                return
            worse = not changed or before is None or ORDER.index(reading.status) > ORDER.index(before)
            level = logging.WARNING if worse else logging.INFO
            values = self.name, reading.status, reading.output or "no reason given", before or "unknown"
            self._untold.append(partial(logger.log, level, "check %s: %s (%s), was %s", *values, exc_info=error))

    def tell(self) -> None:
        """Log what was noted, in order; may wait for a log handler, but for no other thread that does."""
        while self._untold and self._telling.acquire(blocking=False):
            try:
                while self._untold:
                    self._untold.popleft()()
            finally:
                self._telling.release()

    def forget(self) -> None:
        """Start without a run in progress, in a forked child."""
        self._lock = threading.Lock()
        self._telling = threading.Lock()
        self._untold.clear()
        self._flight = None
