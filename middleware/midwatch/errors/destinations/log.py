"""One line of the log for each exception."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, final

from ...logs.formatter import rfc3339
from ...logs.record import ReadyRecord
from ...logs.safe import safe_text

if TYPE_CHECKING:
    from ...service import Service
    from ..occurrence import Occurrence

__all__ = ["LOGGER", "LogLine"]

LOGGER: Final = "midwatch.error"


@final
class LogLine:
    """
    A line of the logger `midwatch.error` at level ERROR.

    Args:
        service: Named in every line.
    """

    def __init__(self, service: Service) -> None:
        self._service = {safe_text(key): safe_text(value) for key, value in service.fields().items()}
        self._logger = logging.getLogger(LOGGER)

    def take(self, occurrence: Occurrence) -> None:
        """Log *occurrence*."""
        if not self._logger.isEnabledFor(logging.ERROR):
            return
        described = occurrence.described
        line: dict[str, Any] = {
            "timestamp": rfc3339(occurrence.time),
            "level": "ERROR",
            "logger": LOGGER,
            "message": occurrence.title,
            **self._service,
            **occurrence.request,
            **({} if occurrence.where == "request" else {"error.origin": occurrence.where}),
            "error.fingerprint": occurrence.fingerprint,
            "error.count": occurrence.count,
            **described,
        }
        record = ReadyRecord(LOGGER, logging.ERROR, "ERROR", occurrence.time, line)
        # What a plain text formatter appends to the message; exc_info would keep the frames alive in a queue.
        record.exc_text = described["exception.stacktrace"]
        self._logger.handle(record)

    def close(self, deadline: float) -> None:
        """There is nothing left to say."""
