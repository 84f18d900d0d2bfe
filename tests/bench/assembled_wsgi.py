"""What people assemble around a Flask application today."""

from __future__ import annotations

from typing import Any

from opentelemetry.instrumentation.flask import FlaskInstrumentor
from prometheus_client import CollectorRegistry
from prometheus_flask_exporter import PrometheusMetrics

from .apps import flask_app
from .assembled import span_ids, start_sentry, start_tracing
from .jsonlog import json_logger, log_requests

__all__ = ["assembled"]


def assembled() -> Any:
    """The application with traces, metrics, request id, log and error reports, each from its own package."""
    start_sentry()
    start_tracing()
    app = flask_app()
    FlaskInstrumentor().instrument_app(app)
    PrometheusMetrics(app, group_by="url_rule", registry=CollectorRegistry())
    log_requests(app, json_logger(), span_ids)
    return app
