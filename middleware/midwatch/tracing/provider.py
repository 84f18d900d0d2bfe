"""
`TracerProvider` and `Tracer` of the OpenTelemetry API, so that any instrumented library joins our traces.

A child takes trace, flags and destination from its parent; only a span without one asks the `policy`. Where a request
has its server span already, what asks for a second one (FastAPI's and Starlette's own telemetry, contrib's middleware)
is given the first (`Shared`).
"""

from __future__ import annotations

import logging
import re
from time import time_ns
from typing import TYPE_CHECKING, Any, Final, final

import opentelemetry.trace as otel
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from ..context import get_current
from ..exchange import KEY, current
from .block import Block
from .bounds import LONGEST_NAME, bounded_name
from .details import MIDWATCH, Scope
from .formats import INCOMING, Propagator
from .policy import policy
from .sampling import decide
from .sequel import sequel_of
from .shared import Shared, Unwanted, share
from .span import MARK, RECORD, SPAN, Span
from .traceparent import RANDOM, SAMPLED, new_span_id, new_trace_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.context import Context
    from opentelemetry.util.types import Attributes

    from .formats import Incoming

__all__ = ["Tracer", "TracerProvider", "active_tracer", "become_global", "configured_sdk", "provider"]

logger = logging.getLogger("midwatch")

INTERNAL: Final = SpanKind.INTERNAL
SERVER: Final = SpanKind.SERVER

MAX_KEPT: Final = 1000
"""Tracers that are kept; code that names each one differently gets new ones."""

_serves: Final = re.compile(r"opentelemetry\.instrumentation\.(?:asgi|wsgi|flask|fastapi|starlette|django)").fullmatch
"""Whether an instrumentation scope is one of contrib's for servers."""


@final
class Tracer(otel.Tracer):
    """Makes spans in the name of one library."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._serves = bool(_serves(scope.name))
        self._operations = scope.name == "fastapi"

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = INTERNAL,
        attributes: Attributes = None,
        links: Sequence[otel.Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> otel.Span:
        """A span below the current one, or below that in *context*; `NonRecordingSpan` where it is not sampled."""
        if context is None:
            context = get_current()
        parent: Any = context.get(SPAN)
        if kind is SERVER or self._serves or self._operations:
            instead = self._instead(context, parent, kind)
            if instead is not None:
                return instead
        if type(name) is not str or len(name) > LONGEST_NAME:
            name = bounded_name(name)
        span = self._child(name, kind, context, parent, start_time)
        if type(span) is not Span:
            return span
        if not (record_exception and set_status_on_exception):
            span.on_exception = RECORD * record_exception | MARK * set_status_on_exception
        if attributes:
            for key, value in attributes.items():
                span.set_attribute(key, value)
        if links:
            for link in links:
                span.add_link(getattr(link, "context", None), getattr(link, "attributes", None))  # type: ignore[arg-type]
        return span

    def _child(self, name: str, kind: SpanKind, context: Context, parent: Any, start_time: int | None) -> otel.Span:
        """A span below *parent*, or one that carries on what is not sampled."""
        if type(parent) is Shared or type(parent) is Unwanted:
            parent = parent.span
        if type(parent) is not Span:
            return self._below_stranger(name, kind, context, parent, start_time)
        if parent.kind is SERVER:
            parent = sequel_of(parent, context.get(KEY))  # type: ignore[arg-type]  # ours
        if parent.export is None:
            return NonRecordingSpan(parent.get_span_context())
        trace_id, parent_id, flags, state = parent.trace_id, parent.span_id, parent.trace_flags, parent.trace_state
        start = start_time or time_ns()
        scope = self._scope
        return Span(name, kind, trace_id, new_span_id(), parent_id, flags, state, start, parent.export, False, scope)

    def start_as_current_span(  # type: ignore[override]  # the same as a class, and faster
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = INTERNAL,
        attributes: Attributes = None,
        links: Sequence[otel.Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Block:
        """The same as a `with` block, or as a decorator."""
        wanted = (name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception)
        return Block(self, wanted, end_on_exit=end_on_exit)

    def _instead(self, context: Context, parent: Any, kind: SpanKind) -> otel.Span | None:
        """What a library gets that would trace the request a second time."""
        # Libraries begin with what they extract from the headers, where the exchange may be missing.
        exchange: Any = context.get(KEY) or current()
        shared = share(exchange, parent)
        if shared is None or kind is SERVER or (self._serves and parent is shared.span):
            return shared
        return Unwanted(shared.span) if self._serves or not policy.operations else None

    def _below_stranger(
        self, name: str, kind: SpanKind, context: Context, parent: otel.Span | None, start_time: int | None
    ) -> otel.Span:
        """A span whose parent is in another process, or that has none."""
        known = otel.INVALID_SPAN_CONTEXT if parent is None else parent.get_span_context()
        incoming: Incoming | None = context.get(INCOMING)  # type: ignore[assignment]  # ours
        trace_id, parent_id, flags, state = new_trace_id(), None, RANDOM, ""
        sampled: bool | None = None
        if known.is_valid:
            trace_id, parent_id, state = f"{known.trace_id:032x}", f"{known.span_id:016x}", _header(known)
            flags, sampled = known.trace_flags & RANDOM, bool(known.trace_flags & TraceFlags.SAMPLED)
            if incoming is not None and incoming.trace_id == trace_id:
                sampled = incoming.sampled  # None where the caller defers, which a SpanContext cannot say.
        elif incoming is not None:
            sampled = incoming.sampled
            if incoming.trace_id is not None:
                trace_id, flags = incoming.trace_id, incoming.random
        if sampled is None:
            sampled, state = decide(policy.sampler, trace_id, state)
        export = policy.export if sampled else None
        flags |= SAMPLED if sampled else 0
        start = start_time or time_ns()
        remote, scope = known.is_remote, self._scope
        span = Span(name, kind, trace_id, new_span_id(), parent_id, flags, state, start, export, remote, scope)
        return span if export is not None else NonRecordingSpan(span.get_span_context())


def _header(context: SpanContext) -> str:
    return context.trace_state.to_header() if context.trace_state else ""


@final
class TracerProvider(otel.TracerProvider):
    """Hands out tracers, one for each library."""

    def __init__(self) -> None:
        self._tracers: dict[Scope, Tracer] = {}

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> Tracer:
        """The tracer of a library, named by itself."""
        scope = Scope(
            instrumenting_module_name or "",
            instrumenting_library_version,
            schema_url,
            tuple((attributes or {}).items()),
        )
        try:
            tracer = self._tracers.get(scope)
        except TypeError:  # An attribute that cannot be hashed.
            return Tracer(scope)
        if tracer is None:
            tracer = Tracer(scope)
            if len(self._tracers) < MAX_KEPT:
                self._tracers[scope] = tracer
        return tracer


provider: Final = TracerProvider()

_own: Final = provider.get_tracer(MIDWATCH.name)


def configured_sdk() -> otel.Tracer | None:
    """Our tracer of the provider that the application has configured; None where that is us, or nobody."""
    current = otel.get_tracer_provider()
    if current is provider or isinstance(current, otel.ProxyTracerProvider | otel.NoOpTracerProvider):
        return None
    return current.get_tracer(MIDWATCH.name)


def active_tracer() -> otel.Tracer:
    """What our own spans are made with."""
    return configured_sdk() or _own


def become_global() -> None:
    """Let every OpenTelemetry library find our provider and our formats, unless the application has set its own."""
    if isinstance(otel.get_tracer_provider(), otel.ProxyTracerProvider):
        otel.set_tracer_provider(provider)
    try:
        from opentelemetry import propagate  # noqa: PLC0415 - loads entry points, of which some may be ours
        from opentelemetry.propagators.composite import CompositePropagator  # noqa: PLC0415
    except Exception as error:
        logger.warning("OpenTelemetry's own propagation does not load, ours goes on without it: %s", error)
        return
    if type(propagate.get_global_textmap()) in {CompositePropagator, Propagator}:
        propagate.set_global_textmap(Propagator(policy.send))
