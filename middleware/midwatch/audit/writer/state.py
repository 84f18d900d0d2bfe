"""How the writer is doing, for health and metrics."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["State"]


class State(NamedTuple):
    """
    One look at a writer; what it says may be a moment apart.

    Attributes:
        items, bytes: Events in the queue, which have no number yet.
        spill_bytes: Bytes on disk that wait for the store, also of dead processes.
        dropped: Events lost by this process, by rank (`read`, `write`, `durable`, `security`, `unknown`).
        stored, spilled: Events put into the store, and written to disk before.
        errors: How often the store failed.
        spill_errors: How often the disk did.
        last_commit_age: Seconds since the store last took events; None if it never did.
        failing_for: Seconds since it fails or does not answer; None if it works.
        strict: Whether an event that only the store can make durable has a chance.
    """

    items: int
    bytes: int
    spill_bytes: int
    dropped: dict[str, int]
    stored: int
    spilled: int
    errors: int
    spill_errors: int
    last_commit_age: float | None
    failing_for: float | None
    strict: bool
