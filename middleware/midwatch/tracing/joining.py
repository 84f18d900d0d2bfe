"""The provider for frameworks that trace requests by themselves: it never makes a second server span."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import opentelemetry.trace as otel
from opentelemetry.trace import SpanKind

from ..exchange import current
from .block import Block
from .provider import provider
from .shared import Shared, share

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.util._decorator import _AgnosticContextManager

__all__ = ["joining_provider"]


def joining_provider() -> otel.TracerProvider:
    """Ours, whose tracers join by themselves; around an SDK's, one that does."""
    configured = otel.get_tracer_provider()
    if configured is provider or isinstance(configured, otel.ProxyTracerProvider):
        return provider
    return Joining(configured)


@final
class Joining(otel.TracerProvider):
    """Passes on to the provider of an SDK."""

    def __init__(self, sdk: otel.TracerProvider) -> None:
        self._sdk = sdk

    def get_tracer(self, *args: Any, **options: Any) -> otel.Tracer:
        """The tracer of the SDK, joined."""
        return JoiningTracer(self._sdk.get_tracer(*args, **options))


@final
class JoiningTracer(otel.Tracer):
    """Gives the server span of the exchange where another one is asked for."""

    def __init__(self, tracer: otel.Tracer) -> None:
        self._tracer = tracer

    def start_span(
        self, name: str, context: Any = None, kind: SpanKind = SpanKind.INTERNAL, *args: Any, **options: Any
    ) -> otel.Span:
        """As the SDK's, but for server spans."""
        shared = _shared(context, kind)
        return shared or self._tracer.start_span(name, context, kind, *args, **options)

    def start_as_current_span(  # type: ignore[override]  # as our own tracers
        self, name: str, context: Any = None, kind: SpanKind = SpanKind.INTERNAL, *args: Any, **options: Any
    ) -> _AgnosticContextManager[otel.Span] | Block:
        """As the SDK's, but for server spans."""
        if _shared(context, kind) is None:
            return self._tracer.start_as_current_span(name, context, kind, *args, **options)
        return Block(self, (name, context, kind))  # type: ignore[arg-type]  # it takes more besides


def _shared(context: Context | None, kind: SpanKind) -> Shared | None:
    if kind is not SpanKind.SERVER:
        return None
    return share(current(), otel.get_current_span(context))
