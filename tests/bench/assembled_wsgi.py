"""What people assemble around a Flask application today."""

from __future__ import annotations

import uuid
from time import perf_counter
from typing import TYPE_CHECKING, Any

from flask import g, request
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from prometheus_client import CollectorRegistry
from prometheus_flask_exporter import PrometheusMetrics

from .apps import flask_app
from .assembled import json_logger, span_ids, start_sentry, start_tracing

if TYPE_CHECKING:
    from flask import Response

__all__ = ["assembled"]


def assembled() -> Any:
    """The application with traces, metrics, request id, log and error reports, each from its own package."""
    start_sentry()
    start_tracing()
    app = flask_app()
    FlaskInstrumentor().instrument_app(app)
    PrometheusMetrics(app, group_by="url_rule", registry=CollectorRegistry())
    logger = json_logger()

    @app.before_request
    def begin() -> None:
        g.started = perf_counter()
        g.request_id = request.headers.get("X-Request-ID") or uuid.uuid4().hex

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.request_id
        fields = {
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "duration": perf_counter() - g.started,
            "client": request.remote_addr,
            "user_agent": request.user_agent.string,
            "request_id": g.request_id,
            **span_ids(),
        }
        logger.info("%s %s %d", request.method, request.path, response.status_code, extra=fields)
        return response

    return app
