"""What the two assembled stacks share: tracing to nowhere, a JSON log, Sentry without a server."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

import sentry_sdk
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from sentry_sdk.transport import Transport

__all__ = ["flush_spans", "span_ids", "start_sentry", "start_tracing", "versions"]

PACKAGES: Final = (
    "opentelemetry-sdk", "opentelemetry-instrumentation-asgi", "opentelemetry-instrumentation-flask",
    "starlette-exporter", "prometheus-flask-exporter", "asgi-correlation-id", "python-json-logger", "sentry-sdk",
)  # fmt: skip


class _NoExporter(SpanExporter):  # type: ignore[misc]
    """Encodes and sends nothing."""

    def export(self, spans: Any) -> Any:
        return SpanExportResult.SUCCESS


class _NoTransport(Transport):  # type: ignore[misc]
    """Sends nothing."""

    def capture_envelope(self, envelope: Any) -> None:
        pass


def start_tracing() -> None:
    """Set the SDK as the global provider, in batches to nowhere."""
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_span_processor(BatchSpanProcessor(_NoExporter()))
    trace.set_tracer_provider(provider)


def flush_spans() -> None:
    """Export what is queued."""
    provider: Any = trace.get_tracer_provider()
    provider.force_flush()


def start_sentry() -> None:
    """Set Sentry up as its documentation does, errors only, with what it integrates by itself."""
    sentry_sdk.init(dsn="https://key@localhost/1", transport=_NoTransport)


def span_ids() -> dict[str, str]:
    """`trace_id` and `span_id`, for the log."""
    context = trace.get_current_span().get_span_context()
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def versions() -> dict[str, str]:
    """Versions of the packages that the stacks are made of."""
    return {package: version(package) for package in PACKAGES}
