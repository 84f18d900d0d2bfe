"""Tracing: headers in and out, spans, clients."""

from .captured import Captured
from .clients import trace_client
from .export import finished_spans
from .outgoing import inject
from .provider import Tracer, TracerProvider
from .sampling import Sampler
from .server import Tracing
from .span import Span
from .tail import Tail
from .trust import trust_of

__all__ = [
    "Captured",
    "Sampler",
    "Span",
    "Tail",
    "Tracer",
    "TracerProvider",
    "Tracing",
    "finished_spans",
    "inject",
    "trace_client",
    "trust_of",
]
