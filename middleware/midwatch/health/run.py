"""
Running the checks of a group together.

One coordinator thread for each run starts the checks and waits for each until its own deadline, so that no event loop
waits for a thread, and no check for another. Pollers that come meanwhile get the same report. Nothing outlives a fork:
the threads of a run stay in the parent.
"""

from __future__ import annotations

import os
import threading
import weakref
from concurrent.futures import Future
from contextvars import Context
from typing import TYPE_CHECKING, final

from ..plugin import hook_failed
from .report import Report
from .result import worst

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from .probe import Probe

__all__ = ["Group"]

_groups: weakref.WeakSet[Group] = weakref.WeakSet()


@final
class Group:
    """
    Checks that are asked together.

    Attributes:
        probes: The checks.
        timeout: Seconds after which the slowest of them has failed.
    """

    def __init__(self, probes: Iterable[Probe]) -> None:
        self.probes = tuple(probes)
        self.timeout = max((probe.timeout for probe in self.probes), default=0.0)
        self._lock = threading.Lock()
        self._run: Future[Report] | None = None
        _groups.add(self)

    def report(self, loop: asyncio.AbstractEventLoop | None) -> Future[Report]:
        """
        The report of the run in progress, else of a new one; never waits for it.

        Args:
            loop: The event loop for async checks; None for one of our own.
        """
        with self._lock:
            if self._run is not None and not self._run.done():
                return self._run
            run = self._run = Future()
        run.set_running_or_notify_cancel()
        # A context of its own: a check answers for every poller, and belongs to the request and the trace of none.
        coordinate = threading.Thread(
            target=Context().run, args=(self._coordinate, run, loop), name="midwatch-health", daemon=True
        )
        try:
            coordinate.start()
        except RuntimeError as error:
            run.set_exception(error)
        return run

    def _coordinate(self, run: Future[Report], loop: asyncio.AbstractEventLoop | None) -> None:
        try:
            flights = [(probe, *probe.run(loop)) for probe in self.probes]
            readings = [(probe, flight.reading(stuck=stuck)) for probe, flight, stuck in flights]
            for probe, reading in readings:
                probe.note(reading)
            status = worst(reading.status for _, reading in readings)
            run.set_result(Report(status, tuple((probe.name, reading) for probe, reading in readings)))
            # Pollers have their answer: a log handler may now take its time, or fail.
            for probe in self.probes:
                probe.tell()
        except Exception as error:
            if not run.done():
                run.set_exception(error)
            hook_failed(self._coordinate)
        finally:
            with self._lock:
                if self._run is run:
                    self._run = None

    def forget(self) -> None:
        """Start without a run in progress, in a forked child."""
        self._lock = threading.Lock()
        self._run = None
        for probe in self.probes:
            probe.forget()


def _after_fork() -> None:
    for group in list(_groups):
        group.forget()


os.register_at_fork(after_in_child=_after_fork)
