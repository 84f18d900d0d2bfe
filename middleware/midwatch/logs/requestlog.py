"""
`RequestLog`: one JSON line for each exchange, whatever its outcome.

Fields follow OpenTelemetry; what is unknown is left out. The path is logged, the query and headers are not, except the
user agent. The line goes through the logger `midwatch.request`: level INFO, WARNING where the client left or the app
stopped early, ERROR for failures.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, final

from ..exchange import Outcome
from ..plugin import Plugin
from ..service import Service
from .line import RequestLine
from .record import ReadyRecord

if TYPE_CHECKING:
    from ..exchange import Exchange

__all__ = ["RequestLog"]

MAX_TEXT: Final = 1024
"""Characters that a stranger may put into one field."""

LEVELS: Final = {
    Outcome.OK: (logging.INFO, "INFO", "ok"),
    Outcome.ERROR: (logging.ERROR, "ERROR", "error"),
    Outcome.ABORTED: (logging.WARNING, "WARNING", "aborted"),
    Outcome.INCOMPLETE: (logging.WARNING, "WARNING", "incomplete"),
    Outcome.CANCELLED: (logging.WARNING, "WARNING", "cancelled"),
}
FLAGS: Final = tuple(f"{flags:02x}" for flags in range(256))
fromtimestamp = datetime.fromtimestamp

LOGGER: Final = "midwatch.request"


@final
class RequestLog(Plugin):
    """
    One line per exchange, through standard logging.

    Args:
        service: Named in every line.
    """

    def __init__(self, *, service: Service | None = None) -> None:
        self._service = (service or Service.known())[:3]
        self._logger = logging.getLogger(LOGGER)

    def on_finish(self, exchange: Exchange) -> None:
        """Log the exchange."""
        level, level_name, outcome = LEVELS[exchange.outcome]
        logger = self._logger
        if not logger.isEnabledFor(level):
            return
        method, path, status, first_byte = exchange.method, exchange.path, exchange.status, exchange.first_byte
        if len(path) > MAX_TEXT or len(method) > MAX_TEXT:
            method, path = method[:MAX_TEXT], path[:MAX_TEXT]
        duration = exchange.duration
        ended = exchange.started_at * 1e-9 + duration
        message = f"{method} {path} {status}"
        line = RequestLine(
            fromtimestamp(ended, UTC),
            level_name,
            LOGGER,
            message,
            *self._service,
            exchange.trace_id,
            exchange.span_id,
            FLAGS[exchange.trace_flags],
            exchange.request_id,
            method,
            exchange.scheme,
            path,
            exchange.route,
            status,
            duration,
            None if first_byte is None else first_byte - exchange.started,
            exchange.bytes_in or None,
            exchange.bytes_out,
            exchange.client,
            exchange.host,
            exchange.header("user-agent"),
            outcome,
            None if outcome == "ok" else exchange.error_type,
        )
        logger.handle(ReadyRecord(LOGGER, level, level_name, message, ended, line))
