"""`LatencyMetrics` alone, and the packages that people count requests with today: each around the bare application."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from . import apps

__all__ = ["OURS", "PEERS", "SHARED", "counted", "versions"]

OURS: Final = "LatencyMetrics"

PEERS: Final = {
    "asgi": ("starlette_exporter", "prometheus-fastapi-instrumentator"),
    "wsgi": ("prometheus-flask-exporter",),
}

SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that has prometheus_client share what it counts, read when it is imported; we take a setting."""


def counted(protocol: str, name: str) -> Any:
    """
    A new application whose requests *name* counts; with several workers where `SHARED` names a directory.

    Raises:
        ImportError: the package is not there.
    """
    if name == OURS:
        from midwatch.asgi import ASGIMiddleware
        from midwatch.metrics import LatencyMetrics
        from midwatch.wsgi import WSGIMiddleware

        shared = os.environ.get(SHARED)
        metrics = LatencyMetrics(directory=None if shared is None else Path(shared))
        if protocol == "asgi":
            return ASGIMiddleware(apps.starlette_app(), metrics)
        return WSGIMiddleware(apps.flask_app(), metrics)
    if name == "starlette_exporter":
        from starlette_exporter import PrometheusMiddleware, handle_metrics

        app = apps.starlette_app()
        app.add_route("/metrics", handle_metrics)
        app.add_middleware(PrometheusMiddleware)
        return app
    if name == "prometheus-fastapi-instrumentator":
        from prometheus_fastapi_instrumentator import Instrumentator

        app = apps.starlette_app()
        Instrumentator().instrument(app).expose(app)
        return app
    from prometheus_flask_exporter import PrometheusMetrics

    flask = apps.flask_app()
    PrometheusMetrics(flask, group_by="url_rule")
    return flask


def versions(names: list[str]) -> dict[str, str]:
    """What was measured."""
    return {name: version(name) for name in names if name != OURS}
