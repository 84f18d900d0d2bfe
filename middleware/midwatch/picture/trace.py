"""One trace, collected out of many spans: each once, and no more of them than can be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .lenient import ITEMS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .span import Event, Key, Span

__all__ = ["Trace"]

SPANS: Final = 10_000
"""Spans that are kept."""

CHARACTERS: Final = 32 << 20
"""Characters of all attributes and events that are kept."""


class Trace:
    """
    The spans of one trace.

    A full trace still takes spans that matter (failures, the entries of services, roots, which come last in a file),
    in place of some that do not.

    Attributes:
        id: 32 hexadecimal digits.
        spans: By their keys.
        left_out: Spans that were too many.
        bare: Spans whose attributes were too many.
        clashing: Spans that say something else than another one with the same id.
    """

    def __init__(self, trace_id: str, spans: Iterable[Span] = (), limit: int = SPANS) -> None:
        self.id = trace_id
        self.spans: dict[Key, Span] = {}
        self.left_out = self.bare = self.clashing = 0
        self._limit = limit
        self._minor: list[Key] = []
        self._notes: dict[str, list[Event]] = {}
        self._room = CHARACTERS
        for span in spans:
            self.add(span)
        self._place_notes()

    def add(self, span: Span) -> None:
        """Take *span*, unless it belongs to another trace."""
        if span.trace_id != self.id:
            return
        if span.source == "note":
            self._note(span)
            return
        known = self.spans.get(span.key)
        if known is not None:
            self._meet(known, span)
        elif self._has_room(span):
            if not self._fits(span):
                self.bare += 1
                span = span._replace(attributes={}, events=())
            self.spans[span.key] = span
            if not _matters(span):
                self._minor.append(span.key)

    def _has_room(self, span: Span) -> bool:
        if len(self.spans) < self._limit:
            return True
        self.left_out += 1
        if _matters(span) and self._minor:
            del self.spans[self._minor.pop()]
            return True
        return False

    def _fits(self, span: Span) -> bool:
        """Whether there is room for what *span* says; takes it."""
        size = _size(span.attributes) + sum(len(event.name) + _size(event.attributes) for event in span.events)
        if size > self._room:
            return False
        self._room -= size
        return True

    def _note(self, line: Span) -> None:
        if len(self._notes) < self._limit or line.span_id in self._notes:
            events = self._notes.setdefault(line.span_id, [])
            if len(events) < ITEMS and self._fits(line):
                events += line.events

    def _meet(self, known: Span, span: Span) -> None:
        """*span* is there already: a request that left a span and a line is one, and the span knows better."""
        if known.source == span.source:
            # The same one again is what a delivery that was repeated leaves behind.
            self.clashing += known[:8] != span[:8]
            return
        better, line = (known, span) if known.source == "span" else (span, known)
        self.spans[known.key] = better._replace(
            service=better.service or line.service,
            outcome=better.outcome if "midwatch.outcome" in better.attributes else line.outcome,
            error_type=better.error_type or line.error_type,
            attributes={**line.attributes, **better.attributes},
        )

    def _place_notes(self) -> None:
        """Log lines become events of the spans during which they were written."""
        for span_id, events in self._notes.items():
            span = self.spans.get((span_id, False))
            if span is not None:
                told = sorted((*span.events, *events), key=lambda event: event.time)
                self.spans[span.key] = span._replace(events=tuple(told))
        self._notes.clear()


def _matters(span: Span) -> bool:
    return span.entry or span.outcome != "ok"


def _size(attributes: object) -> int:
    return len(str(attributes))
