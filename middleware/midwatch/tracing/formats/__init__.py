"""Propagation formats: how a trace and its baggage travel in headers, one file each."""

from __future__ import annotations

from typing import Final

from .b3 import B3, B3Multi
from .cloudtrace import CloudTrace
from .format import Format, Incoming, Outgoing
from .jaeger import Jaeger
from .ottrace import OTTrace
from .propagator import INCOMING, Propagator
from .tracecontext import TraceContext
from .w3cbaggage import W3CBaggage
from .xray import XRay

__all__ = ["FORMATS", "INCOMING", "Format", "Incoming", "Outgoing", "Propagator"]

FORMATS: Final[dict[str, Format]] = {
    one.name: one for one in (TraceContext(), W3CBaggage(), B3(), B3Multi(), Jaeger(), XRay(), OTTrace(), CloudTrace())
}
"""All of them, by their names in the settings and in `OTEL_PROPAGATORS`."""
