"""Request lines, and the formatter and handler behind every log line."""

from .formatter import JsonFormatter, extra_fields, trace_fields
from .handler import DeliveryHandler
from .keep import Keep
from .requestlog import RequestLog
from .setup import configure_logging
from .shown import Shown

__all__ = ["DeliveryHandler", "JsonFormatter", "Keep", "RequestLog", "Shown", "configure_logging", "extra_fields",
           "trace_fields"]  # fmt: skip
