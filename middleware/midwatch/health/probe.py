"""A check with a name and a past: the run in progress, what counts of it, when it is asked again."""

from __future__ import annotations

import logging
import math
import random
import threading
from time import time
from typing import TYPE_CHECKING, Final, NamedTuple, final

from .flight import Flight
from .result import ORDER, Reading, Result, Status, judge
from .tolerance import Tolerance

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from .checks import Loaded
    from .teller import Teller

__all__ = ["Probe", "State"]

QUIET: Final = 60.0
"""Seconds between two tracebacks of one check and status: the line that says that it fails has one."""

EAGER: Final = 0.5
"""Seconds to the second run of a check that has never passed, then twice that: the application may be starting."""

UNASKED: Final = "not checked yet"


class State(NamedTuple):
    """
    What is known of a check.

    Attributes:
        status: What counts.
        output: Why, where it does not pass.
        reading: The latest run; None before it.
        at: When that was (clock); None before it.
        wall: When that was, seconds since the epoch.
        stuck: Since when a run hangs whose time was up; it occupies one thread, and there is no other.
        stale: It is older than `max_age`: who runs the checks has stopped.
    """

    status: Status = Status.UNKNOWN
    output: str | None = UNASKED
    reading: Reading | None = None
    at: float | None = None
    wall: float = 0.0
    stuck: str | None = None
    stale: bool = False


@final
class Probe:
    """
    One check of the service.

    Args:
        name: Shown to operators.
        check: What to run.
        clock: Seconds; only differences count.
        teller: Says what changes.
        settled: Told that there is news, in whatever thread.

    Attributes:
        state: The latest, replaced as a whole.
        transitions: How often it came to be what.
    """

    def __init__(
        self, name: str, check: Loaded, clock: Callable[[], float], teller: Teller, settled: Callable[[], object]
    ) -> None:
        self.name, self.check = name, check
        self._clock, self._teller, self._settled = clock, teller, settled
        self.transitions: dict[Status, int] = {}
        self.forget()

    def forget(self) -> None:
        """Start afresh: at first, and in a forked child, where no run of the parent goes on."""
        self.state = State()
        self._raised_at: dict[Status, float] = {}
        self._told_since = 0.0
        self._first = True
        self._lock = threading.Lock()
        self._random = random.Random()  # noqa: S311 - no secret; and not the one that the application has seeded
        self._tolerance = Tolerance(self.check.fail, self.check.recover)
        self._flight: Flight | None = None
        self._cut_by: asyncio.AbstractEventLoop | None = None
        self._told = Status.UNKNOWN
        self._due: float | None = None
        self._eager = EAGER

    def turn(self, now: float, loop: asyncio.AbstractEventLoop | None) -> float:
        """
        Do what it is time for: start a run, or give up on one. Never waits, and never called by two threads at once.

        Returns:
            when to come again, on the clock.
        """
        flight = self._flight
        if flight is not None and (flight.lost or flight.revoke(loop)):
            flight.abandon()
            self._flight = self._due = flight = None
            self.state = self.state._replace(stuck=None)
        if flight is not None and flight.late and not flight.given_up:
            self._give_up(flight, "timeout")
        # A clock that was set back must not put off the next run for good.
        if self._due is None or self._due <= now or self._due > now + 2 * self.check.interval:
            self._due = now + self._pause()
            if flight is None:
                flight = self._flight = Flight(self.name, self.check, loop, self._clock, self._landed)
                flight.start()
            elif flight.given_up:
                self._give_up(flight, f"still running since {flight.since}")
        due = self._due or now
        return due if flight is None or flight.given_up else min(due, flight.started + self.check.timeout)

    def _pause(self) -> float:
        """Seconds to the next run: the instances of a service, and the checks of one, do not stay in step."""
        interval = self.check.interval
        if self.state.reading is None:
            return interval * self._random.uniform(0.5, 1.0)
        return interval * self._random.uniform(0.9, 1.1)

    def _landed(self, flight: Flight, reading: Reading | None) -> None:
        """The end of a run, in its own thread or event loop."""
        with self._lock:
            if flight is not self._flight:
                return
            self._flight = None
            if reading is None:
                self._cut_short(flight)
            elif flight.given_up:
                self.state = self.state._replace(stuck=None)
            else:
                self._cut_by = None
                if flight.late and reading.status is not Status.FAIL:
                    # Nobody has given it up, as where the process stood still: it may have looked long ago.
                    reading = judge(Result("fail", "timeout"), reading.seconds)
                self._settle(reading)
        self._settled()

    def _cut_short(self, flight: Flight) -> None:
        """Cancelled: once, by an event loop that closes; again on the same one, by the check itself."""
        before, self._cut_by = self._cut_by, flight.runs_on
        if before is flight.runs_on and not flight.ended:
            self._settle(judge(Result("fail", "cancelled"), self._clock() - flight.started))
        else:
            self._due = None

    def _give_up(self, flight: Flight, output: str) -> None:
        reading = judge(Result("fail", output), self._clock() - flight.started)
        with self._lock:
            if flight is not self._flight:
                return
            flight.given_up = True
            self._settle(reading, flight.since)
        self._settled()

    def _settle(self, reading: Reading, stuck: str | None = None) -> None:
        now = self._clock()
        status, why = self._tolerance.weigh(reading.status, now)
        output = reading.output if why is None else f"{reading.output or reading.status} ({why})"
        # Without the exception, whose frames may hold a connection.
        self.state = State(status, output, reading._replace(error=None), now, time(), stuck)
        if status in (Status.PASS, Status.WARN):
            self._eager = self.check.interval
        elif self._eager < self.check.interval:
            self._due = now + self._eager
            self._eager *= 2
        self._tell(status, output, reading.error)

    def stop(self) -> None:
        """End a run in progress where that can be done."""
        flight = self._flight
        if flight is not None:
            flight.cancel()

    def seen(self, now: float) -> State:
        """What is known *now*: what was found too long ago says nothing any more."""
        state = self.state
        if state.at is None or now - state.at <= self.check.max_age:
            return state
        output = f"stale: nothing new for {self.check.max_age:g} s"
        if self._told is not Status.UNKNOWN:
            with self._lock:
                if self.state is state:  # Else there is news by now.
                    self._tell(Status.UNKNOWN, output, None)
        return state._replace(status=Status.UNKNOWN, output=output, stale=True)

    def _tell(self, status: Status, output: str | None, error: BaseException | None) -> None:
        before, self._told = self._told, status
        first, self._first = self._first, False
        now, since = self._clock(), self._told_since
        changed = before is not status and not (first and status is Status.PASS)
        if error is not None and now - self._raised_at.get(status, -math.inf) < QUIET:
            error = None
        elif error is not None:
            self._raised_at[status] = now
        if before is not status:
            self._told_since = now
        if changed:
            self.transitions[status] = self.transitions.get(status, 0) + 1
        if changed or error is not None:
            worse = not changed or before is Status.UNKNOWN or ORDER.index(status) > ORDER.index(before)
            level = logging.WARNING if worse and status is not Status.PASS else logging.INFO
            said = f"{status} ({output or 'no reason given'})" if output or status is not Status.PASS else f"{status}"
            lasted = f" for {_rounded(now - since)} s" if status is Status.PASS else ""
            self._teller.note(level, "check %s: %s, was %s%s", self.name, said, before, lasted, error=error)


def _rounded(seconds: float) -> str:
    return f"{round(seconds, 1 if seconds < 10 else None):g}"
