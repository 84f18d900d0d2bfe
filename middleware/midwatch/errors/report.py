"""
`ErrorReport`: every unhandled exception once, as one JSON line, grouped by what it is and where it happened.

The line goes through the logger `midwatch.error` at level ERROR: the request it belongs to (`trace_id`, `request_id`,
`http.request.method`, `url.path`, `http.route`), `error.fingerprint` and `error.count` to group and count by, and the
exception itself (see `midwatch.errors.describe`). Put it behind `Tracing`, which knows the ids.
"""

from __future__ import annotations

import logging
from time import time
from typing import TYPE_CHECKING, Any, Final, Literal, final

from ..logs.formatter import rfc3339
from ..logs.record import ReadyRecord
from ..logs.safe import safe_text
from ..plugin import Plugin, hook_failed
from ..service import Service
from .counts import Counts
from .describe import describe
from .fingerprint import fingerprint
from .frames import is_in_app
from .problem import problem
from .seen import first_sight
from .text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..answers import Reply
    from ..exchange import Exchange

__all__ = ["ErrorReport"]

LOGGER: Final = "midwatch.error"

MAX_TEXT: Final = 1024
"""Characters of `message`, and of what a stranger may put into one field."""


@final
class ErrorReport(Plugin):
    """
    One line per unhandled exception, and a 500 where nobody else answers.

    Args:
        service: Named in every line.
        respond: `"framework"`: an application that raised before it answered, and has no framework to answer for it, is
            answered for with problem details (RFC 9457). `"server"`: that is left to the server.
        clock: Seconds since the epoch.
        in_app: Whether a file is the application's own; by default what is neither installed nor part of Python.

    Raises:
        ValueError: *respond* is neither.
    """

    def __init__(
        self,
        *,
        service: Service | None = None,
        respond: Literal["framework", "server"] = "framework",
        clock: Callable[[], float] = time,
        in_app: Callable[[str], bool] | None = None,
    ) -> None:
        if respond not in {"framework", "server"}:
            raise ValueError(f"respond: {respond!r} is neither 'framework' nor 'server'")
        named = (service or Service.known()).fields()
        self._service = {safe_text(key): safe_text(value) for key, value in named.items()}
        self._answers = respond == "framework"
        self._clock = clock
        self._in_app = in_app or is_in_app
        self._counts = Counts()
        self._logger = logging.getLogger(LOGGER)

    def on_error(self, exchange: Exchange) -> Reply | None:
        """Report the exception, unless this object was; answer for the application."""
        error = exchange.error
        if error is not None and first_sight(error, exchange.started):
            try:
                self._report(exchange, error)
            except Exception:
                # A broken log handler does not cost the client its answer.
                hook_failed(self.on_error)
        return problem(exchange) if self._answers and exchange.status is None else None

    def _report(self, exchange: Exchange, error: BaseException) -> None:
        route = exchange.route
        group = fingerprint(error, route=route, in_app=self._in_app)
        count = self._counts.add(group)
        if not self._logger.isEnabledFor(logging.ERROR):
            return
        now = self._clock()
        described = describe(error, self._in_app)
        kind, text = described["exception.type"], described["exception.message"]
        message = one_line(f"{kind}: {text}" if text else kind, MAX_TEXT)
        line: dict[str, Any] = {
            "timestamp": rfc3339(now),
            "level": "ERROR",
            "logger": LOGGER,
            "message": message,
            **self._service,
            **_request(exchange, route),
            "error.fingerprint": group,
            "error.count": count,
            **described,
        }
        record = ReadyRecord(LOGGER, logging.ERROR, "ERROR", now, line)
        # What a plain text formatter appends to the message; exc_info would keep the frames alive in a queue.
        record.exc_text = described["exception.stacktrace"]
        self._logger.handle(record)


def _request(exchange: Exchange, route: str | None) -> dict[str, str]:
    """The request that failed, what is unknown left out."""
    known = {
        "trace_id": exchange.trace_id,
        "span_id": exchange.span_id,
        "trace_flags": None if exchange.trace_id is None else f"{exchange.trace_flags:02x}",
        "request_id": exchange.request_id,
        "http.request.method": exchange.method,
        "url.path": exchange.path,
        "http.route": route,
    }
    return {key: safe_text(value[:MAX_TEXT]) for key, value in known.items() if value is not None}
