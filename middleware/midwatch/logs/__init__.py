"""Request lines, and the formatter and handler behind every log line."""

from .formatter import JsonFormatter
from .handler import DeliveryHandler
from .requestlog import RequestLog
from .setup import configure_logging

__all__ = ["DeliveryHandler", "JsonFormatter", "RequestLog", "configure_logging"]
