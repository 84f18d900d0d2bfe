"""
The JSON formatter of every log line, on python-json-logger.

Records of Midwatch come with their fields ready-made and are encoded in one step. Every other record of the application
gets the same head (`timestamp`, `level`, `logger`, `message`, the service), the trace it belongs to, then whatever it
carries. Whatever a record holds, the result is one valid line (see `midwatch.logs.safe`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

from opentelemetry.trace import get_current_span
from pythonjsonlogger.core import RESERVED_ATTRS, BaseJsonFormatter

from ..service import Service
from ..tracing.span import Span
from .line import RequestLine
from .record import ReadyRecord
from .safe import encode_line, safe_text
from .timestamp import rfc3339

if TYPE_CHECKING:
    import logging

__all__ = ["JsonFormatter", "rfc3339"]

STACK: Final = 16_000
"""Characters of a traceback that one line carries; the end is the part that says what happened."""

RESERVED: Final = frozenset(RESERVED_ATTRS) | {"message", "asctime", "taskName", "color_message"}
"""What is no field of the application: attributes of every record, and uvicorn's copy of its message."""


@final
class JsonFormatter(BaseJsonFormatter):
    """
    One JSON object per record.

    Args:
        service: Named in every line; by default what the `OTEL_*` variables say.
    """

    def __init__(self, service: Service | None = None) -> None:
        super().__init__()
        self._service = (service or Service.known()).fields()

    def format(self, record: logging.LogRecord) -> str:
        """The line of *record*, without a newline; never raises."""
        if type(record) is ReadyRecord:
            line = record.line
            return line.text() if isinstance(line, RequestLine) else encode_line(line)
        fields: dict[str, Any] = {
            "timestamp": rfc3339(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
            **self._service,
            **_trace(),
        }
        if record.exc_info or record.exc_text:
            self._add_exception(fields, record)
        if record.stack_info:
            fields["stack"] = safe_text(record.stack_info)
        for key, value in record.__dict__.items():
            if key not in RESERVED and key not in fields:
                fields[key] = value
        return encode_line(fields)

    def _add_exception(self, fields: dict[str, Any], record: logging.LogRecord) -> None:
        info = record.exc_info
        error = info[1] if isinstance(info, tuple) else None
        if error is not None:
            kind = type(error)
            fields["exception.type"] = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
            fields["exception.message"] = safe_text(error)
        elif not record.exc_text:
            return
        # A record from another process has the text alone.
        try:
            text = str(record.exc_text or self.formatException(info))
        except Exception as problem:
            text = f"<traceback that raises {type(problem).__name__}>"
        fields["exception.stacktrace"] = text if len(text) <= STACK else "…" + text[-STACK:]


def _message(record: logging.LogRecord) -> str:
    try:
        return safe_text(record.getMessage())
    except Exception as error:
        return f"{safe_text(record.msg)} <arguments that raise {type(error).__name__}>"


def _trace() -> dict[str, str]:
    """`trace_id`, `span_id` and `trace_flags` of the current span, whoever made it."""
    span = get_current_span()
    if isinstance(span, Span):
        return {"trace_id": span.trace_id, "span_id": span.span_id, "trace_flags": f"{span.trace_flags:02x}"}
    context = span.get_span_context()
    if not context.is_valid:
        return {}
    flags = f"{context.trace_flags:02x}"
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}", "trace_flags": flags}
