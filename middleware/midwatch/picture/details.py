"""What is known about the spans of one row, as tables."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

from .words import clean, counted, duration, moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .span import Event, Span
    from .waterfall import Row

__all__ = ["details"]

ALIKE: Final = 50
"""Of spans that are alike, so many are told one by one."""


def details(row: Row, start: int) -> str:
    """The tables of *row*, in a picture that starts at *start*; of spans that are alike, the longest is the example."""
    if len(row.spans) == 1:
        return "".join(_span(row.spans[0], start))
    longest = max(row.spans, key=lambda span: span.duration)
    times = ((span.span_id, f"{_after(span.start, start)}{duration(span.duration)}") for span in row.spans[:ALIKE])
    parts = [_table(times)]
    if len(row.spans) > ALIKE:
        parts.append(f"<p>and {counted(len(row.spans) - ALIKE, 'span')} more</p>")
    if row.hidden:
        parts.append(f"<p>{counted(row.hidden, 'span')} below them are not shown</p>")
    return "".join([*parts, "<h2>The longest of them</h2>", *_span(longest, start)])


def _span(span: Span, start: int) -> Iterator[str]:
    facts = {
        "span": span.span_id,
        "parent": span.parent_id,
        "kind": span.kind,
        "start": moment(span.start),
        "duration": duration(span.duration),
        "outcome": span.outcome,
        "error": None if "error.type" in span.attributes else span.error_type,
    }
    yield _table([*((name, value) for name, value in facts.items() if value), *sorted(span.attributes.items())])
    for event in span.events:
        yield _event(event, start)


def _event(event: Event, start: int) -> str:
    when = _after(event.time, start).rstrip(", ")
    heading = f"<h2>{escape(clean(event.name))} <small>{when}</small></h2>"
    if not event.attributes:
        return heading
    return f'{heading}<div class="scroll" tabindex="0">{_table(event.attributes.items())}</div>'


def _after(time: int, start: int) -> str:
    """How long after the beginning, if that can be said."""
    return f"+{duration(time - start)}, " if time >= start else ""


def _table(pairs: Iterable[tuple[str, Any]]) -> str:
    rows = (f'<tr><th scope="row">{escape(clean(key))}</th><td>{_value(value)}</td></tr>' for key, value in pairs)
    return f"<table>{''.join(rows)}</table>"


def _value(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return escape(clean(text, lines=True))
