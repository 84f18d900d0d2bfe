"""The handler that hands lines to the delivery worker."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, final

from .line import RequestLine
from .record import ReadyRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..destinations import Line
    from .formatter import JsonFormatter

__all__ = ["DeliveryHandler"]


@final
class DeliveryHandler(logging.Handler):
    """
    Queues the line of each record; never waits, and so needs no lock.

    Args:
        put: Takes a line, or a request line that becomes one in the worker.
        formatter: Makes lines.
    """

    def __init__(self, put: Callable[[str | Line], None], formatter: JsonFormatter) -> None:
        super().__init__()
        self._put = put
        self.setFormatter(formatter)

    def createLock(self) -> None:  # noqa: N802 - named by logging
        """There is nothing to lock."""
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        """Queue *record* unless a filter is against it."""
        if not self.filters and type(record) is ReadyRecord and type(record.line) is RequestLine:
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
        """Queue the line of *record*."""
        if type(record) is ReadyRecord and type(record.line) is RequestLine:
            self._put(record.line)
            return
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)  # A formatter that the application put in place of ours.
        else:
            self._put(line)
