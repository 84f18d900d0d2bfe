"""How much happened: the figures, without how they are found or drawn."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

__all__ = ["DAY", "HOUR", "Bucket", "Stats", "Tally"]

HOUR: Final = 3600 * 1_000_000_000
DAY: Final = 24 * HOUR
"""Nanoseconds."""


@dataclass(frozen=True, slots=True)
class Tally:
    """
    The events of one actor, action, resource, address, kind or outcome.

    Attributes:
        name: What they have in common, as the trail says it: escape it before it is shown.
        denied: Those that were not allowed.
        failed: Those that ended in a failure or an error.
    """

    name: str
    events: int
    denied: int
    failed: int

    @property
    def denied_ratio(self) -> float:
        """From 0 to 1."""
        return self.denied / self.events if self.events else 0.0

    @property
    def failed_ratio(self) -> float:
        """From 0 to 1."""
        return self.failed / self.events if self.events else 0.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """The events of one hour or one day, which begins at `start` (nanoseconds since the epoch; UTC)."""

    start: int
    events: int
    denied: int
    failed: int


@dataclass(frozen=True, slots=True)
class Stats:
    """
    What a part of a trail comes to.

    Attributes:
        first, last: When its first and its last event happened, in nanoseconds since the epoch; None without any.
        total: All of it.
        distinct: How many `actors`, `actions`, `resources` and `addresses` there are.
        actors, actions, resources, addresses: Those with most events, most first. A resource is `type:id`.
        kinds, outcomes: All of them, most first.
        hours: The last hours up to `last`, without a hole.
        days: The last days up to `last`, without a hole.
        week: Events by hour of the week: 168 numbers from Monday 00:00 UTC.
    """

    first: int | None
    last: int | None
    total: Tally
    distinct: dict[str, int]
    actors: tuple[Tally, ...]
    actions: tuple[Tally, ...]
    resources: tuple[Tally, ...]
    addresses: tuple[Tally, ...]
    kinds: tuple[Tally, ...]
    outcomes: tuple[Tally, ...]
    hours: tuple[Bucket, ...]
    days: tuple[Bucket, ...]
    week: tuple[int, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
