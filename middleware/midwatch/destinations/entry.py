"""One log line on its way through a network: its text, and what protocols want to know of it."""

from __future__ import annotations

from typing import Final, Protocol, Self

import msgspec

__all__ = ["Entry", "Shipped"]

KINDS: Final = {f"midwatch.{kind}": kind for kind in ("request", "error", "audit", "health")}


class Entry(msgspec.Struct, array_like=True, gc=False):
    """
    One log line.

    Attributes:
        created: Seconds since the epoch.
        level: Name of its logging level.
        logger: Name of its logger.
        text: The line: one JSON object, without a newline.
        trace_id, span_id, trace_flags: Of the span that it belongs to, hexadecimal.
    """

    created: float
    level: str
    logger: str
    text: str
    trace_id: str | None = None
    span_id: str | None = None
    trace_flags: str | None = None

    def entry(self) -> Self:
        """Itself."""
        return self

    @property
    def kind(self) -> str:
        """What kind of record it is: `request`, `error`, `audit`, `health` or `log`."""
        return KINDS.get(self.logger, "log")


class Shipped(Protocol):
    """What is queued: an `Entry`, or what becomes one in the worker."""

    def entry(self) -> Entry:
        """The line as it will be sent; never raises."""
