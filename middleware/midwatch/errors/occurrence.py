"""One unhandled exception, as destinations are handed it: counted already, described only when one of them asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

from ..logs.safe import safe_text
from ..redaction import DEFAULT
from .anatomy import type_name
from .describe import describe
from .text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..exchange import Exchange
    from ..redaction import Redactor
    from .ledger import Sighting

__all__ = ["Occurrence"]

MAX_TEXT: Final = 1024
"""Characters of a title, and of what a stranger may put into one field."""


@final
class Occurrence:
    """
    One exception that left the application.

    What it holds is good only while it is handed around: keeping it would keep the frames, and all that is in them.

    Args:
        error: As it left the application.
        exchange: The request that it belongs to, if there is one.
        where: `request`, `startup`, `thread` or `handled`.
        fingerprint: Groups it.
        sighting: How often, and since when.
        time: Seconds since the epoch.
        in_app: Whether a file is the application's own.
        redactor: Hides what is secret.
    """

    __slots__ = (
        "_described", "_request", "error", "exchange", "fingerprint", "in_app", "redactor", "sighting", "time", "where"
    )  # fmt: skip

    def __init__(
        self,
        error: BaseException,
        exchange: Exchange | None,
        where: str,
        fingerprint: str,
        sighting: Sighting,
        time: float,
        in_app: Callable[[str], bool],
        redactor: Redactor = DEFAULT,
    ) -> None:
        self.error = error
        self.exchange = exchange
        self.where = where
        self.fingerprint = fingerprint
        self.sighting = sighting
        self.time = time
        self.in_app = in_app
        self.redactor = redactor
        self._described: dict[str, Any] | None = None
        self._request: dict[str, str] | None = None

    @property
    def count(self) -> int:
        """How often its fingerprint has occurred in this process."""
        return self.sighting.times

    @property
    def described(self) -> dict[str, Any]:
        """The fields `exception.*` (see `midwatch.errors.describe`), made once."""
        if self._described is None:
            self._described = describe(self.error, self.in_app, self.redactor)
        return self._described

    @property
    def title(self) -> str:
        """Type and message, on one line."""
        kind = type_name(self.error)
        text = (
            self.redactor.text(self.error, MAX_TEXT)
            if self._described is None
            else self._described["exception.message"]
        )
        return one_line(f"{kind}: {text}" if text else kind, MAX_TEXT)

    @property
    def request(self) -> dict[str, str]:
        """The request that failed by the names of log lines, what is unknown left out; empty outside of one."""
        if self._request is None:
            self._request = {} if self.exchange is None else _request(self.exchange, self.redactor)
        return self._request


def _request(exchange: Exchange, redactor: Redactor) -> dict[str, str]:
    known = {
        "trace_id": exchange.trace_id,
        "span_id": exchange.span_id,
        "trace_flags": None if exchange.trace_id is None else f"{exchange.trace_flags:02x}",
        "request_id": exchange.request_id,
        "http.request.method": exchange.method,
        "url.path": redactor.value("url.path", exchange.path, MAX_TEXT),
        "http.route": exchange.route,
    }
    return {key: safe_text(value[:MAX_TEXT]) for key, value in known.items() if value is not None}
