"""Checks that are asked together, and what the whole of them comes to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, final

from .result import Status, worst

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from .checks import Loaded
    from .probe import Probe, State

__all__ = ["WHOLE", "Group", "Member", "Report"]

WHOLE = "health"
"""The group of all checks, at the path of the whole."""


class Member(NamedTuple):
    """
    One check within a report.

    Attributes:
        counts: What the group makes of its status.
    """

    name: str
    check: Loaded
    state: State
    counts: Status


class Report(NamedTuple):
    """
    What a group of checks has found.

    Attributes:
        group: Its name.
        status: Of the whole group.
        members: Its checks, without those that were excluded.
        excluded: Those.
        unmatched: What was to be excluded and is no check of the group.
        draining: The service takes no new requests, however well it is.
        blocks: Further details, by name.
        until: When a check grows too old (clock).
    """

    group: str
    status: Status
    members: tuple[Member, ...] = ()
    excluded: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
    draining: bool = False
    blocks: Mapping[str, Mapping[str, Any]] = {}
    until: float = math.inf

    @property
    def unasked(self) -> bool:
        """A check has not been run yet."""
        return any(member.state.at is None for member in self.members)

    @property
    def awaited(self) -> bool:
        """It fails by a check that has not been run yet."""
        unasked = any(member.state.at is None and member.counts is Status.FAIL for member in self.members)
        return unasked and self.status is Status.FAIL and not self.draining


@final
class Group:
    """
    Checks that are asked together.

    What others share fails the whole at `/health`, and is a concern in every other group, unless it was made to gate:
    no instance is taken out of traffic for what is the same in all of them.

    Args:
        name: `live`, `ready`, `startup`, one of the application's, or `WHOLE`.
        probes: The checks.
        alone: It is one check, asked by its name: what it says counts.

    Attributes:
        drains: It fails while the service drains.
    """

    def __init__(self, name: str, probes: Iterable[Probe], *, alone: bool = False) -> None:
        self.name = name
        self.probes = tuple(probes)
        self.drains = not alone and name in {"ready", WHOLE}
        self._strict = alone or name == WHOLE
        self._latches = name == "startup" and not alone
        self._started = False

    def note(self, now: float) -> None:
        """Take notice of news: what has started once has started."""
        if self._latches and not self._started:
            self._started = worst(member.counts for member in self._members(now)) is not Status.FAIL

    def forget(self) -> None:
        """Start afresh, in a forked child."""
        self._started = False

    def report(self, now: float, exclude: Collection[str] = ()) -> Report:
        """What is known *now* of all checks but those to *exclude*; waits for nothing."""
        members = self._members(now)
        kept = tuple(member for member in members if member.name not in exclude)
        names = [member.name for member in members]
        status = worst(member.counts for member in kept)
        if self._started and status is Status.FAIL:
            status = Status.WARN
        ages = [
            member.state.at + member.check.max_age
            for member in kept
            if member.state.at is not None and not member.state.stale
        ]
        return Report(
            self.name,
            status,
            kept,
            tuple(name for name in names if name in exclude),
            tuple(name for name in exclude if name not in names),
            until=min(ages, default=math.inf),
        )

    def _members(self, now: float) -> tuple[Member, ...]:
        states = [(probe, probe.seen(now)) for probe in self.probes]
        return tuple(Member(probe.name, probe.check, state, self._weigh(probe, state)) for probe, state in states)

    def _weigh(self, probe: Probe, state: State) -> Status:
        status = state.status
        if status in (Status.PASS, Status.WARN):
            return status
        if status is Status.UNKNOWN and state.at is None and self.name == "live":
            return Status.PASS  # Nothing says yet that a restart would help.
        if probe.check.gates or (self._strict and status is Status.FAIL):
            return Status.FAIL
        return Status.WARN
