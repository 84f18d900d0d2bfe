"""The trace on its way out: headers for a call to another service, and the client span of that call."""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from opentelemetry.trace import Span as SpanAPI
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from ..context import get_current
from .baggage import format_baggage
from .conventions import MAX_TEXT, known_method, redact_query
from .span import Span
from .traceparent import RANDOM, SAMPLED, new_span_id, new_trace_id

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from typing import Any

__all__ = ["client_span", "end_client_span", "inject"]

default_export: Callable[[Span], object] | None = None
"""Where spans go that have no parent of ours: the destinations of the `Tracing` made last."""

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def inject(headers: MutableMapping[str, str]) -> None:
    """
    Put the current trace into *headers* of an outgoing request: `traceparent`, `tracestate`, `baggage`.

    Does nothing outside a trace.
    """
    _put(get_current_span(), headers)


def _put(span: SpanAPI, headers: MutableMapping[str, Any]) -> None:
    trace_id, span_id, flags, state = _identity(span)
    if trace_id is not None:
        headers["traceparent"] = f"00-{trace_id}-{span_id}-{flags:02x}"
        if state:
            headers["tracestate"] = state
        elif "tracestate" in headers:
            del headers["tracestate"]
    baggage = format_baggage(get_current())
    if baggage:
        headers["baggage"] = baggage


def _identity(span: SpanAPI) -> tuple[str | None, str | None, int, str]:
    if isinstance(span, Span):
        return span.trace_id, span.span_id, span.trace_flags, span.trace_state
    context = span.get_span_context()
    if not context.is_valid:
        return None, None, 0, ""
    state = context.trace_state.to_header() if context.trace_state else ""
    return f"{context.trace_id:032x}", f"{context.span_id:016x}", int(context.trace_flags), state


def client_span(method: str, url: str, headers: MutableMapping[str, Any]) -> Span:
    """
    Start the span of one outgoing call and put it into *headers*; it is not made current.

    Every attempt is a call of its own: one for each redirect and each retry.
    """
    parent = get_current_span()
    trace_id, parent_id, flags, state = _identity(parent)
    if trace_id is None:
        trace_id, flags = new_trace_id(), SAMPLED | RANDOM
    export = parent.export if isinstance(parent, Span) else default_export
    name = known_method(method)
    span = Span(
        "HTTP" if name == "_OTHER" else name,
        SpanKind.CLIENT,
        trace_id,
        new_span_id(),
        parent_id,
        flags,
        state,
        time_ns(),
        export if flags & SAMPLED else None,
    )
    if span.is_recording():
        span.set_attributes({"http.request.method": name, **_url(url)})
    _put(span, headers)
    return span


def _url(url: str) -> dict[str, str | int]:
    """`url.full` without credentials and query values, and where it leads."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return {}
    if not parts.netloc:
        return {}
    host = parts.hostname or ""
    query = f"?{redact_query(parts.query)}" if parts.query else ""
    authority = parts.netloc.rpartition("@")[2]
    full = f"{parts.scheme}://{authority}{parts.path}{query}"[:MAX_TEXT]
    return {"url.full": full, "server.address": host, "server.port": port}


def end_client_span(span: Span, status: int | None, error: BaseException | None = None) -> None:
    """End the span of a call that was answered with *status*, or failed with *error*."""
    if span.is_recording():
        if status is not None:
            span.set_attribute("http.response.status_code", status)
        if error is not None or (status is not None and status >= 400):
            span.set_attribute("error.type", type(error).__qualname__ if error is not None else str(status))
            span.set_status(StatusCode.ERROR)
    span.end()
