"""
`RequestLog`: one JSON line for each exchange, whatever its outcome.

Fields follow OpenTelemetry; what is unknown is left out. The path is logged, the query and headers only as far as they
are asked for, except the user agent. The line goes through the logger `midwatch.request`: level INFO, WARNING where the
client left or the app stopped early, ERROR for failures. What the application adds with `midwatch.log` comes last.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, final

from msgspec import UNSET

from ..answers import Outcome
from ..headers import HeaderNames
from ..plugin import Plugin
from ..service import Service
from .keep import Keep
from .line import MAX_TEXT, RequestLine, WideLine
from .record import ReadyRecord
from .shown import Shown

if TYPE_CHECKING:
    from ..exchange import Exchange

__all__ = ["RequestLog"]

LEVELS: Final = {
    Outcome.OK: (logging.INFO, "INFO", "ok"),
    Outcome.ERROR: (logging.ERROR, "ERROR", "error"),
    Outcome.ABORTED: (logging.WARNING, "WARNING", "aborted"),
    Outcome.INCOMPLETE: (logging.WARNING, "WARNING", "incomplete"),
    Outcome.CANCELLED: (logging.WARNING, "WARNING", "cancelled"),
}
FLAGS: Final = tuple(f"{flags:02x}" for flags in range(256))

HEADERS: Final = HeaderNames("host", "user-agent")

LOGGER: Final = "midwatch.request"


@final
class RequestLog(Plugin):
    """
    One line per exchange, through standard logging.

    Args:
        service: Named in every line.
        keep: Which requests have a line, and at which level; by default all, but for probes that pass.
        shown: What of a request is in its line only if somebody asks for it.
    """

    def __init__(self, *, service: Service | None = None, keep: Keep | None = None, shown: Shown | None = None) -> None:
        self._service, self._version, self._environment, _ = service or Service.known()
        self._logger = logging.getLogger(LOGGER)
        self._keep = keep or Keep()
        self._shown = Shown() if shown is None else shown
        self._always, self._plain = self._keep.always, not self._shown

    def on_finish(self, exchange: Exchange) -> None:
        """Log the exchange."""
        level, level_name, outcome = LEVELS[exchange.outcome]  # type: ignore[index]  # decided by now
        ratio: float | None = None
        if not self._always or exchange.probe:
            verdict = self._keep.verdict(exchange, level, level_name)
            if verdict is None:
                return
            level, level_name, ratio = verdict
        logger = self._logger
        if not logger.isEnabledFor(level):
            return
        host, user_agent = exchange.headers(HEADERS)
        first_byte, path = exchange.first_byte, exchange.path
        ended = exchange.started_at * 1e-9 + exchange.duration
        if self._shown.path is not None:
            path = self._shown.path("url.path", path, MAX_TEXT)
        line = RequestLine(
            ended,
            level_name,
            LOGGER,
            UNSET,
            self._service,
            self._version,
            self._environment,
            exchange.trace_id,
            exchange.span_id,
            FLAGS[exchange.trace_flags],
            exchange.request_id,
            exchange.method[:MAX_TEXT],
            exchange.scheme,
            path if len(path) <= MAX_TEXT else path[:MAX_TEXT],
            exchange.route,
            exchange.status,
            exchange.duration,
            None if first_byte is None else first_byte - exchange.started,
            exchange.bytes_in or None,
            exchange.bytes_out,
            exchange.client,
            host if host is None or len(host) <= MAX_TEXT else host[:MAX_TEXT],
            user_agent if user_agent is None or len(user_agent) <= MAX_TEXT else user_agent[:MAX_TEXT],
            outcome,
            None if outcome == "ok" else exchange.error_type,
        )
        whole: RequestLine | WideLine = line
        if not self._plain or exchange.noted is not None or exchange.on_body is not None or ratio is not None:
            whole = WideLine(line, self._shown.fields(exchange, ratio))
        record = ReadyRecord(LOGGER, level, level_name, ended, whole)
        # handle() is callHandlers() behind the filters of the logger, which hardly ever has any.
        (logger.handle if logger.filters else logger.callHandlers)(record)
