"""What the policy says: of one occurrence, and of all that nobody was told of."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["Line", "Summary", "Told"]


class Told(NamedTuple):
    """
    An occurrence that people are told of, unless the cap keeps it back.

    Attributes:
        times: How often, since when it was new.
        since: When that was, seconds since the epoch.
        silence: Seconds in which it did not occur before it came back; 0 for others.
        capped: Nobody is told; it is in the next summary.
    """

    kind: Literal["first", "count", "returned"]
    times: int
    since: float
    silence: float
    capped: bool


class Line(NamedTuple):
    """Occurrences of one fingerprint that nobody was told of: so many, of so many since it was new."""

    fingerprint: str
    title: str
    untold: int
    times: int
    since: float


class Summary(NamedTuple):
    """
    All that nobody was told of yet.

    Attributes:
        lines: The most frequent first.
        forgotten: Occurrences of fingerprints that had to make room.
        suppressed: Notices that the cap kept back.
        since: When the first of them occurred, seconds since the epoch.
    """

    kind: Literal["digest", "suppressed"]
    lines: list[Line]
    forgotten: int
    suppressed: int
    since: float
