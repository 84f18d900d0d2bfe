"""The handler that hands lines to delivery workers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, final

from ..destinations.entry import Entry
from .formatter import JsonFormatter
from .line import RequestLine, WideLine
from .record import ReadyRecord

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DELIVERY", "DeliveryHandler"]


DELIVERY: Final = "midwatch.delivery"
"""Who tells of destinations that fail."""


@final
class DeliveryHandler(logging.Handler):
    """
    Queues the line of each record; never waits, and so needs no lock.

    Args:
        put: Takes a line, or a request line that becomes one in the worker.
        formatter: Makes lines.
        entries: Whether *put* wants an `Entry` in place of text, as networks do.
    """

    def __init__(self, put: Callable[[Any], object], formatter: JsonFormatter, *, entries: bool = False) -> None:
        super().__init__()
        self._put = put
        self._entries = entries
        self.setFormatter(formatter)

    def createLock(self) -> None:  # noqa: N802 - named by logging
        """There is nothing to lock."""
        self.lock = None

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: N802 - named by logging
        """Format with *fmt*; what is not ours makes every line at once, in the thread that logs."""
        super().setFormatter(fmt)
        self._ours = fmt if isinstance(fmt, JsonFormatter) else None
        self._untranslated = self._ours is not None and self._ours.flavour is None

    def handle(self, record: logging.LogRecord) -> bool:
        """Queue *record* unless a filter is against it."""
        if not self.filters and self._untranslated and type(record) is ReadyRecord and type(record.line) is RequestLine:
            self._put(record.line)
            return True
        if self.filters:
            # From Python 3.12 on, a filter may put another record in its place.
            kept: bool | logging.LogRecord = self.filter(record)
            if not kept:
                return False
            record = record if kept is True else kept
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the line of *record*; what a shipper says of itself is not for it to ship."""
        if self._entries and record.name == DELIVERY:
            return
        try:
            line = self._line(record)
        except Exception:
            self.handleError(record)  # A formatter that the application put in place of ours.
        else:
            self._put(line)

    def _line(self, record: logging.LogRecord) -> Any:
        if self._ours is None:
            return _foreign(record, self.format(record)) if self._entries else self.format(record)
        line = record.line if type(record) is ReadyRecord else None
        if isinstance(line, RequestLine | WideLine):
            if self._ours.flavour is None:
                return line
            wide = line if isinstance(line, WideLine) else WideLine(line, {})
            return wide.flavoured(self._ours.flavour)
        return self._ours.entry(record) if self._entries else self._ours.format(record)


def _foreign(record: logging.LogRecord, text: str) -> Entry:
    """The line that a formatter of the application made."""
    ids = (getattr(record, name, None) for name in ("trace_id", "span_id", "trace_flags"))
    return Entry(record.created, record.levelname, record.name, text, *ids)
