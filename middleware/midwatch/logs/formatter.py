"""
The JSON formatter of every log line, on python-json-logger.

Records of Midwatch come with their fields ready-made and are encoded in one step. Every other record of the application
gets the same head (`timestamp`, `level`, `logger`, `message`, the service), the trace it belongs to, then whatever it
carries. Whatever a record holds, the result is one valid line (see `midwatch.logs.safe`).
"""

from __future__ import annotations

from itertools import islice
from time import time
from typing import TYPE_CHECKING, Any, Final, final

from opentelemetry.trace import get_current_span
from pythonjsonlogger.core import RESERVED_ATTRS, BaseJsonFormatter

from ..destinations.entry import Entry
from ..redaction import DEFAULT, Redactor
from ..service import Service
from ..tracing.span import Span
from .flavours import flavour, translated
from .line import RequestLine, WideLine
from .record import ReadyRecord
from .safe import CUT, LENGTH, WIDTH, encode_line, safe_text
from .timestamp import rfc3339

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

__all__ = ["JsonFormatter", "extra_fields", "rfc3339", "trace_fields"]

READ: Final = 256 << 10
"""Characters of a traceback that are looked through for secrets, all of which may be longer than what is shown."""

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
        fields: How fields are called: `otel`, `ecs`, `gcp` or `datadog`.
        project: Of Google Cloud, for `gcp`.
        redactor: Hides secrets in what the application logs.

    Attributes:
        flavour: Translates the fields of a line; None for `otel`.

    Raises:
        ValueError: no such *fields*.
    """

    def __init__(
        self,
        service: Service | None = None,
        *,
        fields: str = "otel",
        project: str | None = None,
        redactor: Redactor = DEFAULT,
    ) -> None:
        super().__init__()
        self._redactor = redactor
        self._service = (service or Service.known()).fields()
        self.flavour = flavour(fields, project)

    def format(self, record: logging.LogRecord) -> str:
        """The line of *record*, without a newline; never raises."""
        if type(record) is ReadyRecord:
            line = record.line
            if self.flavour is None and isinstance(line, RequestLine | WideLine):
                return line.text()
            fields = dict(record.fields)
        else:
            fields = self._fields(record)
        if self.flavour is not None:
            fields = translated(self.flavour, fields)
        return encode_line(fields)

    def entry(self, record: logging.LogRecord) -> Entry:
        """The line of *record* as networks have it."""
        fields = record.fields if type(record) is ReadyRecord else trace_fields()
        ids = (fields.get(name) for name in ("trace_id", "span_id", "trace_flags"))
        return Entry(record.created, record.levelname, record.name, self.format(record), *ids)

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "timestamp": _timestamp(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": self._redactor.value("", _message(record), LENGTH),
            **self._service,
            **trace_fields(),
        }
        if record.exc_info or record.exc_text:
            self._add_exception(fields, record)
        if record.stack_info:
            fields["stack"] = self._redactor.value("", record.stack_info, LENGTH)
        self._add_extra(fields, record)
        return fields

    def _add_extra(self, fields: dict[str, Any], record: logging.LogRecord) -> None:
        """What the application gave, without secrets, and not more than a line can carry."""
        known = RESERVED | fields.keys()
        extra = {key: value for key, value in record.__dict__.items() if key not in known}
        for key, value in islice(extra.items(), WIDTH):
            name = safe_text(key)
            fields[self._redactor.name(name)] = self._redactor.field(name, value)
        if len(extra) > WIDTH:
            fields[CUT] = f"{len(extra) - WIDTH} more"

    def _add_exception(self, fields: dict[str, Any], record: logging.LogRecord) -> None:
        info = record.exc_info
        error = info[1] if isinstance(info, tuple) else None
        if error is not None:
            kind = type(error)
            fields["exception.type"] = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
            fields["exception.message"] = self._redactor.value("", error, LENGTH)
        elif not record.exc_text:
            return
        fields["exception.stacktrace"] = self._stack(error, record)

    def _stack(self, error: BaseException | None, record: logging.LogRecord) -> str:
        """Within bounds, and without secrets: the end of it, which says what happened."""
        if error is not None:
            from ..errors.describe import stacktrace  # noqa: PLC0415 - errors need lines first

            return stacktrace(error, self._redactor)
        # A record from another process has the text alone.
        text = safe_text(record.exc_text) if len(str(record.exc_text)) < READ else str(record.exc_text)[-READ:]
        text = self._redactor.value("", text, READ)
        return text if len(text) <= STACK else "…" + text[-STACK:]


def _timestamp(seconds: float) -> str:
    """That of a record; of one whose clock is none, the present."""
    try:
        return rfc3339(seconds)
    except (ValueError, OverflowError, OSError, TypeError):
        return rfc3339(time())


def _message(record: logging.LogRecord) -> str:
    try:
        return str.__str__(record.getMessage())
    except Exception as error:
        return f"{safe_text(record.msg)} <arguments that raise {type(error).__name__}>"


def trace_fields() -> dict[str, str]:
    """
    `trace_id`, `span_id` and `trace_flags` of the current span, whoever made it; empty outside of one.

    For loggers that do not go through `logging`: with them, every line of the application belongs to its trace.
    """
    span = get_current_span()
    if isinstance(span, Span):
        return {"trace_id": span.trace_id, "span_id": span.span_id, "trace_flags": f"{span.trace_flags:02x}"}
    context = span.get_span_context()
    if not context.is_valid:
        return {}
    flags = f"{context.trace_flags:02x}"
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}", "trace_flags": flags}


def extra_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """
    *fields* as `extra=` of standard logging takes them.

    It refuses names that a record has itself, such as `name`, with a `KeyError`; they get an underscore behind them.
    """
    return {f"{name}_" if name in RESERVED else str(name): value for name, value in fields.items()}
