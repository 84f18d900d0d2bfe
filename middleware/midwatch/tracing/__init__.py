"""Tracing: headers in and out, spans, clients."""

from .clients import trace_client
from .destinations import finished_spans
from .outgoing import inject
from .server import Tracing
from .span import Span

__all__ = ["Span", "Tracing", "finished_spans", "inject", "trace_client"]
