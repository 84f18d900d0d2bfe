"""What came of it, in a few words."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from .span import worse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .span import Span
    from .waterfall import Row

__all__ = ["fate", "verdict"]


def fate(spans: Iterable[Span]) -> str:
    """The outcome of a trace: the worst of what its services came to."""
    return reduce(worse, (span.outcome for span in spans if span.entry), "ok")


def verdict(row: Row) -> str:
    """Status and type of the error; of several spans, that their time is a sum."""
    span = row.spans[0]
    parts = [span.status]
    if span.outcome != "ok" and span.error_type and span.error_type != span.status:
        parts.append(span.error_type)
    elif span.outcome not in {"ok", "error"} or (span.outcome == "error" and not span.status):
        parts.append(span.outcome)
    if len(row.spans) > 1:
        parts.append(f"in total, {row.hidden} below" if row.hidden else "in total")
    return " ".join(part for part in parts if part)
