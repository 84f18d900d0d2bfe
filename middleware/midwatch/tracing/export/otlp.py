"""Spans as OTLP JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import msgspec
from opentelemetry.trace import StatusCode

from .resource import resource_of
from .values import attributes_of, quoted

if TYPE_CHECKING:
    from ...service import Service
    from ..details import Event, Link, Scope
    from ..span import Span

__all__ = ["OTLP"]

REMOTE_KNOWN: Final = 0x100
REMOTE: Final = 0x200
"""Flags of a span: whether it is known where its parent is, and that it is in another process (`SpanFlags`)."""

W3C_FLAGS: Final = 0xFF

UNSET: Final = StatusCode.UNSET

MOST: Final = 2**64


@final
class OTLP:
    """
    The bodies of `POST /v1/traces`.

    Args:
        service: Whose spans they are.
    """

    closing = b"]}"
    tail = b"]}]}"

    def __init__(self, service: Service) -> None:
        resource = attributes_of(resource_of(service).attributes)
        self.headers = {"content-type": "application/json"}
        self.head = f'{{"resourceSpans":[{{"resource":{{"attributes":[{resource}]}},"scopeSpans":['.encode()

    def span(self, span: Span) -> str:
        """One span."""
        start, end = span.start_time, span.end_time
        if type(start) is not int or type(end) is not int or not 0 <= start <= end < MOST:
            start, end = _moment(start), _moment(end)
        flags = span.trace_flags & W3C_FLAGS | REMOTE_KNOWN
        parent = ""
        if span.parent_id:
            parent = f'"parentSpanId":"{span.parent_id}",'
            if span.remote:
                flags |= REMOTE
        rest = ""
        dropped = span.dropped_attributes or span.dropped_events or span.dropped_links
        if span.status_code is not UNSET or span.events or span.links or span.trace_state or dropped:
            rest = _rest(span)
        return (
            f'{{"traceId":"{span.trace_id}","spanId":"{span.span_id}",{parent}"flags":{flags},'
            f'"name":{quoted(span.name)},"kind":{span.kind._value_ + 1},'
            f'"startTimeUnixNano":"{start}","endTimeUnixNano":"{end}",'
            f'"attributes":[{attributes_of(span.attributes)}]{rest}}}'
        )

    def opening(self, scope: Scope) -> bytes:
        """The scope, and the beginning of a list of its spans."""
        said = f'"name":{quoted(scope.name)}'
        if scope.version:
            said += f',"version":{quoted(scope.version)}'
        if scope.attributes:
            said += f',"attributes":[{attributes_of(dict(scope.attributes))}]'
        schema = f'"schemaUrl":{quoted(scope.schema_url)},' if scope.schema_url else ""
        return f'{{"scope":{{{said}}},{schema}"spans":['.encode()

    def refused(self, answer: bytes) -> tuple[int, str]:
        """How many spans a collector did not take although it answered with success, and what it said of that."""
        try:
            told = msgspec.json.decode(answer, type=_Answer).partialSuccess
            return (0, "") if told is None else (max(0, int(told.rejectedSpans)), told.errorMessage)
        except (ValueError, msgspec.MsgspecError, RecursionError):
            return 0, ""  # Success is what the status says; what else a server answers is its own business.


class _PartialSuccess(msgspec.Struct):
    rejectedSpans: int | str = 0  # noqa: N815 - the protocol's
    errorMessage: str = ""  # noqa: N815


class _Answer(msgspec.Struct):
    partialSuccess: _PartialSuccess | None = None  # noqa: N815


def _rest(span: Span) -> str:
    """What few spans have."""
    said = ""
    if span.trace_state:
        said += f',"traceState":{quoted(span.trace_state)}'
    if span.events:
        said += f',"events":[{",".join(map(_event, span.events))}]'
    if span.links:
        said += f',"links":[{",".join(map(_link, span.links))}]'
    if span.status_code is not UNSET:
        about = "" if span.status_description is None else f',"message":{quoted(span.status_description)}'
        said += f',"status":{{"code":{span.status_code.value}{about}}}'
    for what in ("attributes", "events", "links"):
        if dropped := getattr(span, f"dropped_{what}"):
            said += f',"dropped{what.capitalize()}Count":{dropped}'
    return said


def _event(event: Event) -> str:
    return (
        f'{{"name":{quoted(event.name)},"timeUnixNano":"{_moment(event.timestamp)}",'
        f'"attributes":[{attributes_of(event.attributes)}]{_less(event.dropped_attributes)}}}'
    )


def _link(link: Link) -> str:
    context = link.context
    flags = int(context.trace_flags) & W3C_FLAGS | REMOTE_KNOWN | (REMOTE if context.is_remote else 0)
    state = f'"traceState":{quoted(context.trace_state.to_header())},' if context.trace_state else ""
    return (
        f'{{"traceId":"{context.trace_id:032x}","spanId":"{context.span_id:016x}",{state}"flags":{flags},'
        f'"attributes":[{attributes_of(link.attributes)}]{_less(link.dropped_attributes)}}}'
    )


def _less(dropped: int) -> str:
    return f',"droppedAttributesCount":{dropped}' if dropped else ""


def _moment(told: Any) -> int:
    """Nanoseconds that the protocol can say; 0, which means unknown, for any other."""
    try:
        moment = int(told)
    except (TypeError, ValueError, OverflowError):
        return 0
    return moment if 0 <= moment < MOST else 0
