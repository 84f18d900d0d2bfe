"""Spans of Zipkin's second format (https://zipkin.io/zipkin-api/): lists of them, times in microseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from . import lenient
from .span import OUTCOMES, Event, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["span_of"]

KINDS: Final = {kind.upper(): kind for kind in ("client", "server", "producer", "consumer")}
MICROSECOND: Final = 1_000


def span_of(said: Mapping[str, Any]) -> Span | None:
    """The span that *said* describes, if it has ids."""
    trace_id, span_id = lenient.trace_id(said.get("traceId")), lenient.span_id(said.get("id"))
    if trace_id is None or span_id is None:
        return None
    endpoint, tags = said.get("localEndpoint"), said.get("tags")
    attributes = lenient.attributes(tags.items() if isinstance(tags, dict) else ())
    failed = "error" in attributes
    outcome = attributes.get("midwatch.outcome")
    kind = attributes.get("error.type") or attributes.get("error")
    return Span(
        trace_id,
        span_id,
        lenient.span_id(said.get("parentId")),
        lenient.text(endpoint.get("serviceName")) if isinstance(endpoint, dict) else "",
        lenient.text(said.get("name")),
        lenient.one_of(said.get("kind"), KINDS),
        lenient.nanoseconds(said.get("timestamp"), MICROSECOND),
        lenient.nanoseconds(said.get("duration"), MICROSECOND),
        outcome if isinstance(outcome, str) and outcome in OUTCOMES else "error" if failed else "ok",
        str(kind) if kind and kind != "true" else None,
        attributes,
        tuple(_events(said.get("annotations"))),
        shared=said.get("shared") is True,
    )


def _events(annotations: Any) -> Iterator[Event]:
    for note in annotations[: lenient.ITEMS] if isinstance(annotations, list) else ():
        if isinstance(note, dict):
            yield Event(lenient.text(note.get("value")), lenient.nanoseconds(note.get("timestamp"), MICROSECOND), {})
