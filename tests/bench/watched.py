"""Midwatch in its variants: each of the six alone, all six, and all six with every span recorded and written."""

from __future__ import annotations

import logging
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from midwatch import ASGIMiddleware, Plugin, WSGIMiddleware
from midwatch.delivery import channels, flush
from midwatch.destinations import lines_to
from midwatch.frameworks.flask import wrap_flask
from midwatch.frameworks.starlette import wrap_starlette
from midwatch.logs.formatter import JsonFormatter
from midwatch.logs.handler import DeliveryHandler

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ALL", "SINK", "SIX", "SPANS", "dropped", "flush", "log_to_sink", "plugins_of", "watch"]

SINK: Final = f"file://{os.devnull}"
ALL: Final = "midwatch"
SPANS: Final = "midwatch+spans"

SIX: Final = {
    "Tracing": "midwatch.tracing.server",
    "RequestLog": "midwatch.logs.requestlog",
    "ErrorReport": "midwatch.errors",
    "LatencyMetrics": "midwatch.metrics",
    "AuditTrail": "midwatch.audit",
    "HealthCheck": "midwatch.health",
}


def log_to_sink() -> None:
    """Send every log line through the handler and the formatter that Midwatch ships, and the queue behind them."""
    root = logging.getLogger()
    root.addHandler(DeliveryHandler(lines_to(SINK), JsonFormatter()))
    root.setLevel(logging.INFO)


def plugins_of(variant: str) -> list[Plugin]:
    """
    The plugins of *variant*: `ALL`, `SPANS`, or one of `SIX`.

    Raises:
        ImportError: one of them is not there.
    """
    names = SIX if variant in {ALL, SPANS} else (variant,)
    return [_plugin(name, {"to": [SINK]} if variant == SPANS and name == "Tracing" else {}) for name in names]


def _plugin(name: str, options: dict[str, Any]) -> Plugin:
    kind: Callable[..., Plugin] | None = getattr(import_module(SIX[name]), name, None)
    if kind is None:
        raise ImportError(f"{SIX[name]} has no {name} yet")
    return kind(**options)


def watch(app: Any, plugins: list[Plugin]) -> Any:
    """*app*, a Starlette or Flask application, watched as `midwatch.install` does it."""
    if hasattr(app, "wsgi_app"):
        wrap_flask(app, lambda inner, framework: WSGIMiddleware(inner, *plugins, framework=framework))
    else:
        wrap_starlette(app, lambda inner, framework: ASGIMiddleware(inner, *plugins, framework=framework))
    return app


def dropped() -> int:
    """Items that found a full queue: a benchmark that drops them flatters itself."""
    return sum(channel.dropped for channel in list(channels))
