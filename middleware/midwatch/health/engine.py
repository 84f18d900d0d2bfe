"""
Running all checks in the background: whoever asks for the health of the service is told what was found last.

One thread for each process looks what is due, and runs no check itself. It comes with the first exchange or the start
of the server, never with the import: a server that loads the application before it forks keeps none. Nothing
outlives a fork: what the parent found says little of the child.
"""

from __future__ import annotations

import os
import threading
import weakref
from contextvars import Context
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol, final

from .first import First
from .paths import groups
from .probe import Probe
from .result import Status
from .teller import Teller
from .turning import Wake, turn_on

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Collection, Iterator, Mapping
    from concurrent.futures import Future

    from .checks import Loaded
    from .group import Group, Report
    from .probe import State

__all__ = ["Draining", "Engine", "engines"]

LONGEST: Final = 60.0
"""Seconds between two turns, at most."""

SHORTEST: Final = 0.005


class Draining(Protocol):
    """What is read of a `Drain`."""

    @property
    def draining(self) -> bool:
        """Whether the service takes no new requests."""


@final
class Engine:
    """
    The checks of one `HealthCheck`, and who runs them.

    Args:
        checks: By name.
        clock: Seconds; only differences count.
        drain: Says when the service is to be left alone.

    Attributes:
        probes: The checks.
        groups: Which of them are asked together.
        version: Changes with each news.
        first: Who waits for the first results.
        idle: Nobody runs the checks, and somebody should.
    """

    def __init__(
        self, checks: Mapping[str, Loaded], clock: Callable[[], float] = monotonic, drain: Draining | None = None
    ) -> None:
        self._clock, self._drain = clock, drain
        self._teller = Teller()
        settled = weakref.WeakMethod(self._settled)  # Without a cycle it ends as soon as nobody holds it.

        def tell() -> None:
            method = settled()
            if method is not None:
                method()

        self.probes = tuple(Probe(name, check, clock, self._teller, tell) for name, check in checks.items())
        self.groups = groups(self.probes)
        self._versions = count()
        self._stopped = False
        self._forget()
        _engines.add(self)

    def _forget(self) -> None:
        # Never one that was there before: what the parent has rendered is none of the child's.
        self.version = next(self._versions)
        self.idle = bool(self.probes) and not self._stopped
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._turning = threading.Lock()
        self._wake = Wake()
        self.first = First()

    def forget(self) -> None:
        """Start afresh, in a forked child."""
        self._forget()
        self._teller.forget()
        for probe in self.probes:
            probe.forget()
        for group in self.groups:
            group.forget()

    def adopt(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Run async checks on *loop*, where the application's pools live; None for a loop of our own."""
        if loop is not self._loop:
            self._loop = loop
            self._wake.set()

    def start(self) -> None:
        """Have the checks run in the background, at once and from now on; again and again is as good as once."""
        if not self.probes:
            return
        with self._lock:
            if self._stopped or (self._thread is not None and self._thread.is_alive()):
                return
            self._wake = Wake()
            # A context of its own: a check answers for every poller, and belongs to the request and the trace of none.
            run = Context().run
            # Woken when nobody holds the engine any more, to end at once.
            reference = weakref.ref(self, self._wake.set)
            thread = threading.Thread(
                target=run, args=(turn_on, reference, self._wake), name="midwatch-health", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:
                return  # No thread left; the next poller tries again, and results grow stale meanwhile.
            self._thread, self.idle = thread, False
            self.first.begin()

    def resume(self) -> None:
        """Start again after `stop`."""
        self._stopped = False
        self.start()

    def stop(self) -> None:
        """Run no more checks; those on threads that run end by themselves."""
        with self._lock:
            self.let_go()
            self._thread = None
        with self._turning:
            for probe in self.probes:
                probe.stop()

    def let_go(self) -> None:
        """Begin no more runs; takes no lock, and ends none."""
        self._stopped, self.idle = True, False
        self._wake.set()

    def revive(self) -> None:
        """Start again a thread that has died, for which nobody knows a reason."""
        if self._thread is None or not self._thread.is_alive():
            self.start()

    def turn(self) -> float:
        """
        Do what it is time for; never waits for a check.

        Returns:
            seconds until there is something to do again.
        """
        with self._turning:
            if self._stopped:
                return LONGEST
            loop, now = self._loop, self._clock()
            times = [probe.turn(now, loop) for probe in self.probes]
            pause = min(min(times, default=now + LONGEST) - self._clock(), self._let_go())
            return min(LONGEST, max(SHORTEST, pause))

    def runs_in(self, wake: Wake) -> bool:
        """Whether the thread that sleeps on *wake* is still the one."""
        return not self._stopped and wake is self._wake

    @property
    def draining(self) -> bool:
        """Whether the service takes no new requests."""
        return self._drain is not None and self._drain.draining

    def report(self, group: Group, now: float, exclude: Collection[str] = ()) -> Report:
        """What is known *now* of a *group*; waits for nothing."""
        report = group.report(now, exclude)
        if group.drains and self.draining:
            return report._replace(status=Status.FAIL, draining=True)
        return report

    def states(self) -> Iterator[tuple[str, State]]:
        """Of the checks."""
        now = self._clock()
        return ((probe.name, probe.seen(now)) for probe in self.probes)

    def statuses(self) -> Iterator[tuple[str, Status]]:
        """Of the groups that have checks."""
        now = self._clock()
        return ((group.name, self.report(group, now).status) for group in self.groups if group.probes)

    def transitions(self) -> Iterator[tuple[tuple[str, str], int]]:
        """How often which check came to be what."""
        for probe in self.probes:
            for status, times in probe.transitions.copy().items():
                yield (probe.name, status.value), times

    def results(self, group: Group) -> Future[None] | None:
        """What is done when *group* has its first results, or waited long enough; None where it has, from then on."""
        wait = self.first.of(group, self._lacks)
        self._let_go()  # There may have been news meanwhile.
        return wait

    def _let_go(self) -> float:
        """Answer those who waited long enough; seconds until there are more."""
        waits, left = self.first.due(self._lacks)
        if waits:
            # After the results: what is rendered from now on has them.
            self.version = next(self._versions)
            for wait in waits:
                wait.set_result(None)
        return left

    def _lacks(self, group: Group) -> bool:
        return self.report(group, self._clock()).awaited

    def _settled(self) -> None:
        now = self._clock()
        for group in self.groups:
            group.note(now)
        self.version = next(self._versions)
        self._let_go()
        self._wake.set()  # What failed at first is asked again soon.


_engines: Final[weakref.WeakSet[Engine]] = weakref.WeakSet()


def engines() -> list[Engine]:
    """Those of this process; may be asked while another thread makes one."""
    references = _engines.data.copy()  # type: ignore[attr-defined]
    return [engine for reference in references if (engine := reference()) is not None]


def _after_fork() -> None:
    for engine in engines():
        engine.forget()


os.register_at_fork(after_in_child=_after_fork)
