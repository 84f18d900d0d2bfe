"""Traces, request logs, errors, metrics, audit trail and health for any ASGI or WSGI application, in one pass."""

from .asgi import ASGIMiddleware
from .exchange import Actor, Exchange, Hold, Outcome, Reply, current
from .plugin import Plugin
from .wsgi import WSGIMiddleware

__all__ = ["ASGIMiddleware", "Actor", "Exchange", "Hold", "Outcome", "Plugin", "Reply", "WSGIMiddleware", "current"]
