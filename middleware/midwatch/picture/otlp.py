"""
Spans of OTLP JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding), as `file:` destinations hold it.

Names may be in camel case, as the protocol has it, or in snake case, as some encoders have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Raw

from . import lenient
from .span import OUTCOMES, Event, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["span_of", "spans_of"]

KINDS: Final = ("", "internal", "server", "client", "producer", "consumer")
KNOWN_KINDS: Final[dict[int | str, str]] = {
    **dict(enumerate(KINDS)),
    **{str(number): kind for number, kind in enumerate(KINDS)},
    **{f"SPAN_KIND_{kind.upper()}": kind for kind in KINDS},
}
FAILED: Final = frozenset({2, "2", "STATUS_CODE_ERROR"})

DEPTH: Final = 4
"""Levels of an attribute that is a list or a mapping."""

_parts = msgspec.json.Decoder(dict[str, Raw]).decode
_list = msgspec.json.Decoder(list[Raw] | None).decode
_any = msgspec.json.Decoder().decode


def spans_of(data: Mapping[str, Raw], broken: Callable[[], None]) -> Iterator[Span]:
    """The spans of one `TracesData`; *broken* is called for each part of it that cannot be read."""
    for resource in _objects(data, "resourceSpans", broken, "resource_spans"):
        service = _service(resource)
        scopes = ("scopeSpans", "scope_spans", "instrumentationLibrarySpans")
        for scope in _objects(resource, scopes[0], broken, *scopes[1:]):
            for raw in _items(scope, broken, "spans"):
                try:
                    span = span_of(_any(raw), service)
                except (ValueError, RecursionError):
                    span = None
                if span is None:
                    broken()
                else:
                    yield span


def _objects(
    data: Mapping[str, Raw], name: str, broken: Callable[[], None], *others: str
) -> Iterator[Mapping[str, Raw]]:
    for raw in _items(data, broken, name, *others):
        try:
            yield _parts(raw)
        except (ValueError, RecursionError):
            broken()


def _items(data: Mapping[str, Raw], broken: Callable[[], None], *names: str) -> list[Raw]:
    for name in names:
        if name in data:
            try:
                return _list(data[name]) or []
            except (ValueError, RecursionError):
                broken()
    return []


def _service(resource: Mapping[str, Raw]) -> str:
    try:
        described = _any(resource["resource"])
    except (KeyError, ValueError, RecursionError):
        return ""
    found = _attributes(described) if isinstance(described, dict) else {}
    return lenient.text(found.get("service.name"))


def span_of(said: Any, service: str = "") -> Span | None:
    """The span that *said* describes, if it has ids."""
    if not isinstance(said, dict):
        return None
    trace_id = lenient.trace_id(_get(said, "traceId", "trace_id"))
    span_id = lenient.span_id(_get(said, "spanId", "span_id"))
    if trace_id is None or span_id is None:
        return None
    start = lenient.nanoseconds(_get(said, "startTimeUnixNano", "start_time_unix_nano"))
    end = lenient.nanoseconds(_get(said, "endTimeUnixNano", "end_time_unix_nano"))
    attributes, events = _attributes(said), tuple(_events(said))
    status = said.get("status")
    status = status if isinstance(status, dict) else {}
    code = status.get("code")
    failed = isinstance(code, int | str) and code in FAILED
    if lenient.text(status.get("message")):
        attributes.setdefault("status.message", lenient.text(status["message"]))
    outcome = attributes.get("midwatch.outcome")
    raised = next((e.attributes.get("exception.type") for e in events if e.name == "exception"), None)
    kind = attributes.get("error.type") or (raised if failed else None)
    return Span(
        trace_id,
        span_id,
        lenient.span_id(_get(said, "parentSpanId", "parent_span_id")),
        service,
        lenient.text(said.get("name")),
        lenient.one_of(said.get("kind"), KNOWN_KINDS),
        start,
        max(end - start, 0) if start else 0,
        outcome if isinstance(outcome, str) and outcome in OUTCOMES else "error" if failed else "ok",
        None if kind is None else str(kind),
        attributes,
        events,
    )


def _events(said: Mapping[str, Any]) -> Iterator[Event]:
    events = said.get("events")
    for event in events[: lenient.ITEMS] if isinstance(events, list) else ():
        if isinstance(event, dict):
            time = lenient.nanoseconds(_get(event, "timeUnixNano", "time_unix_nano"))
            yield Event(lenient.text(event.get("name")), time, _attributes(event))


def _get(said: Mapping[str, Any], camel: str, snake: str) -> Any:
    return said.get(camel, said.get(snake))


def _attributes(said: Mapping[str, Any]) -> dict[str, Any]:
    pairs = said.get("attributes")
    described = [pair for pair in pairs if isinstance(pair, dict)] if isinstance(pairs, list) else ()
    return lenient.attributes((pair.get("key"), _value(pair.get("value"), DEPTH)) for pair in described)


def _value(value: Any, depth: int) -> Any:
    """What an `AnyValue` says."""
    if not isinstance(value, dict) or not value or not depth:
        return None
    kind, said = next(iter(value.items()))
    kind = kind.replace("_", "").lower()
    if kind == "intvalue" and isinstance(said, str):
        try:
            return int(said[:40])
        except ValueError:
            return said
    if kind == "arrayvalue" and isinstance(said, dict) and isinstance(said.get("values"), list):
        return [_value(item, depth - 1) for item in said["values"][: lenient.ITEMS]]
    if kind == "kvlistvalue" and isinstance(said, dict) and isinstance(said.get("values"), list):
        pairs = [pair for pair in said["values"][: lenient.ITEMS] if isinstance(pair, dict)]
        return {str(pair.get("key"))[: lenient.NAME]: _value(pair.get("value"), depth - 1) for pair in pairs}
    return said
