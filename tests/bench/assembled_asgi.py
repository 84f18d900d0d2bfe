"""What people assemble around a Starlette application today."""

from __future__ import annotations

from typing import Any

from asgi_correlation_id import CorrelationIdFilter, CorrelationIdMiddleware
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from starlette_exporter import PrometheusMiddleware, handle_metrics

from .apps import starlette_app
from .assembled import span_ids, start_sentry, start_tracing
from .jsonlog import RequestLogASGI, json_logger

__all__ = ["assembled"]


def assembled() -> Any:
    """The application with traces, metrics, request id, log and error reports, each from its own package."""
    start_sentry()
    start_tracing()
    app = starlette_app()
    app.add_route("/metrics", handle_metrics)
    app.add_middleware(RequestLogASGI, logger=json_logger(CorrelationIdFilter()), ids=span_ids)
    app.add_middleware(PrometheusMiddleware)
    app.add_middleware(CorrelationIdMiddleware)
    return OpenTelemetryMiddleware(app)
