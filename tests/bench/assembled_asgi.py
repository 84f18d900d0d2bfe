"""What people assemble around a Starlette application today."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from asgi_correlation_id import CorrelationIdFilter, CorrelationIdMiddleware
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from starlette_exporter import PrometheusMiddleware, handle_metrics

from .apps import starlette_app
from .assembled import json_logger, span_ids, start_sentry, start_tracing

if TYPE_CHECKING:
    import logging

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["assembled"]


def assembled() -> Any:
    """The application with traces, metrics, request id, log and error reports, each from its own package."""
    start_sentry()
    start_tracing()
    app = starlette_app()
    app.add_route("/metrics", handle_metrics)
    app.add_middleware(_RequestLog, logger=json_logger(CorrelationIdFilter()))
    app.add_middleware(PrometheusMiddleware)
    app.add_middleware(CorrelationIdMiddleware)
    return OpenTelemetryMiddleware(app)


class _RequestLog:
    """The request log that people write themselves; in plain ASGI, as `BaseHTTPMiddleware` would cost far more."""

    def __init__(self, app: ASGIApp, logger: logging.Logger) -> None:
        self.app = app
        self.logger = logger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = perf_counter()
        status = 500

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, observed)
        finally:
            fields = {
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "duration": perf_counter() - started,
                "client": scope["client"][0],
                "user_agent": dict(scope["headers"]).get(b"user-agent", b"").decode(),
                **span_ids(),
            }
            self.logger.info("%s %s %d", scope["method"], scope["path"], status, extra=fields)
