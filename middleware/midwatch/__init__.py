"""Traces, request logs, errors, metrics, audit trail and health for any ASGI or WSGI application, in one pass."""

from . import audit
from .answers import Hold, Outcome, Reply
from .asgi import ASGIMiddleware
from .audit import AuditTrail
from .delivery import flush
from .errors import ErrorReport
from .exchange import Actor, Exchange, current
from .health import HealthCheck
from .install import install
from .logs import RequestLog
from .logs.wide import log
from .metrics import LatencyMetrics
from .plugin import Plugin
from .settings import SettingsError
from .tracing import Tracing, inject, trace_client
from .tracing.spans import carry, span
from .wsgi import WSGIMiddleware

__all__ = [
    "ASGIMiddleware",
    "Actor",
    "AuditTrail",
    "ErrorReport",
    "Exchange",
    "HealthCheck",
    "Hold",
    "LatencyMetrics",
    "Outcome",
    "Plugin",
    "Reply",
    "RequestLog",
    "SettingsError",
    "Tracing",
    "WSGIMiddleware",
    "audit",
    "carry",
    "current",
    "flush",
    "inject",
    "install",
    "log",
    "span",
    "trace_client",
]
