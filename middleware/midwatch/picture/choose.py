"""
Which trace: by the beginning of its id, the slowest, or the last that failed.

A trace has failed if a request in any of its services did; a call that failed and was coped with is no failure. It is
as slow as its longest span: clocks of several services need not agree, so times are compared within one span only.
"""

from __future__ import annotations

from itertools import islice, pairwise
from typing import TYPE_CHECKING, Final

from .span import worse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .span import Span

__all__ = ["Index", "Summary"]

TRACES: Final = 100_000
"""Traces that are remembered; of more, the oldest are forgotten."""

IDS: Final = 1_000_000
"""Spans that are remembered, to count each of them once."""

SERVICES: Final = 64
"""Services that one trace names."""


class Summary:
    """One trace in a table. Times are nanoseconds, `start` since the epoch."""

    __slots__ = ("_first", "duration", "id", "name", "outcome", "services", "spans", "start")

    def __init__(self, trace_id: str) -> None:
        self.id = trace_id
        self.name = ""
        self.start = self.duration = self.spans = 0
        self.outcome = "ok"
        self.services: dict[str, None] = {}
        self._first: tuple[bool, int] | None = None

    def add(self, span: Span, *, new: bool) -> None:
        """Take *span* into account, which is not *new* if its other form was seen."""
        self.spans += new
        self.duration = max(self.duration, span.duration)
        if span.entry:
            self.outcome = worse(self.outcome, span.outcome)
        if len(self.services) < SERVICES:
            self.services[span.service or "?"] = None
        # A root starts the trace whatever another clock says; a line may be anything's.
        rank = (span.parent_id is not None or span.source == "line", span.start)
        if self._first is None or rank < self._first:
            self._first, self.start, self.name = rank, span.start, span.label

    @property
    def failed(self) -> bool:
        """Whether a request in any service did."""
        return self.outcome == "error"


class Index:
    """
    The traces of some spans, in bounded memory.

    Args:
        prefix: Only traces whose id begins so, in any case; an id of 64 bits needs no zeros before it.

    Attributes:
        forgotten: Traces that were too many.
    """

    def __init__(self, spans: Iterable[Span], prefix: str = "", limit: int | None = None) -> None:
        self._traces: dict[str, Summary] = {}
        self._limit = limit or TRACES
        self.forgotten = 0
        prefix = prefix.strip().lower()
        seen: set[int] = set()
        for span in spans:
            if span.source == "note" or (prefix and not _begins(span.trace_id, prefix)):
                continue
            summary = self._traces.get(span.trace_id)
            if summary is None:
                if len(self._traces) >= self._limit:
                    self._forget()
                summary = self._traces[span.trace_id] = Summary(span.trace_id)
            known = hash((span.trace_id, span.key))
            summary.add(span, new=known not in seen)
            if len(seen) < IDS:
                seen.add(known)

    def __len__(self) -> int:
        return len(self._traces)

    def _forget(self) -> None:
        """Make room, at the cost of the older half; what may be asked for by rank stays."""
        kept = self.newest(self._limit // 2)
        kept += [found for found in (self.slowest(), self.last_failed()) if found is not None]
        self.forgotten += len(self._traces) - len({summary.id for summary in kept})
        self._traces = {summary.id: summary for summary in kept}

    def newest(self, count: int) -> list[Summary]:
        """The *count* that started last, in that order."""
        return sorted(self._traces.values(), key=lambda summary: summary.start)[-count:] if count else []

    def slowest(self) -> Summary | None:
        """The trace with the longest span."""
        return max(self._traces.values(), key=lambda summary: summary.duration, default=None)

    def last_failed(self) -> Summary | None:
        """The trace that started last of those that failed."""
        failed = (summary for summary in self._traces.values() if summary.failed)
        return max(failed, key=lambda summary: summary.start, default=None)

    def first(self, count: int) -> list[Summary]:
        """*count* of them, in the order of the files."""
        return list(islice(self._traces.values(), count))

    def digits(self) -> int:
        """How many digits tell all ids apart, at least eight."""
        ids = sorted(self._traces)
        return max([8, *(_common(one, other) + 1 for one, other in pairwise(ids))])


def _begins(trace_id: str, wanted: str) -> bool:
    return trace_id.startswith(wanted) or (trace_id.startswith("0" * 16) and trace_id[16:].startswith(wanted))


def _common(one: str, other: str) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=True)) if a != b), len(one))
