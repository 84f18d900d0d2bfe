"""
`ErrorReport`: every unhandled exception once, grouped by what it is and where it happened, and told to whoever listens.

By default the log does, with one JSON line through the logger `midwatch.error` at level ERROR: the request it belongs
to (`trace_id`, `request_id`, `http.request.method`, `url.path`, `http.route`), `error.fingerprint` and `error.count` to
group and count by, and the exception itself (see `midwatch.errors.describe`). Put it behind `Tracing`, which knows the
ids.
"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Final, Literal, final

from ..plugin import Plugin, hook_failed
from ..service import Service
from .destinations import Destination, LogLine
from .fingerprint import fingerprint
from .frames import is_in_app
from .ledger import Ledger
from .occurrence import Occurrence
from .problem import problem
from .seen import first_sight

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..answers import Reply
    from ..exchange import Exchange

__all__ = ["ErrorReport"]

OWN: Final = 128
"""Characters of a fingerprint that the application makes."""


@final
class ErrorReport(Plugin):
    """
    Every unhandled exception once, and a 500 where nobody else answers.

    Args:
        service: Named wherever an error is told.
        to: Who is told; by default the log.
        respond: `"framework"`: an application that raised before it answered, and has no framework to answer for it, is
            answered for with problem details (RFC 9457). `"server"`: that is left to the server.
        fingerprint: Groups exceptions in place of `v1`: takes the exception and the route, returns text, or None for
            `v1` after all.
        clock: Seconds since the epoch.
        in_app: Whether a file is the application's own; by default what is neither installed nor part of Python.

    Attributes:
        ledger: What is known of each fingerprint.

    Raises:
        ValueError: *respond* is neither.
    """

    def __init__(
        self,
        *,
        service: Service | None = None,
        to: Sequence[Destination] | None = None,
        respond: Literal["framework", "server"] = "framework",
        fingerprint: Callable[[BaseException, str | None], str | None] | None = None,
        clock: Callable[[], float] = time,
        in_app: Callable[[str], bool] | None = None,
    ) -> None:
        if respond not in {"framework", "server"}:
            raise ValueError(f"respond: {respond!r} is neither 'framework' nor 'server'")
        self._answers = respond == "framework"
        self._destinations = (LogLine(service or Service.known()),) if to is None else tuple(to)
        self._own = fingerprint
        self._clock = clock
        self._in_app = in_app or is_in_app
        self.ledger = Ledger()

    def on_error(self, exchange: Exchange) -> Reply | None:
        """Report the exception, unless this object was; answer for the application."""
        error = exchange.error
        if error is not None and first_sight(error, exchange.started):
            try:
                self._report(error, exchange, "request")
            except Exception:
                # A broken destination does not cost the client its answer.
                hook_failed(self.on_error)
        return problem(exchange) if self._answers and exchange.status is None else None

    def on_shutdown(self, deadline: float) -> None:
        """Have destinations say what is left to say."""
        for destination in self._destinations:
            try:
                destination.close(deadline)
            except Exception:
                hook_failed(destination.close)

    def _report(self, error: BaseException, exchange: Exchange | None, where: str) -> None:
        now = self._clock()
        group = self._group(error, None if exchange is None else exchange.route)
        occurrence = Occurrence(error, exchange, where, group, self.ledger.add(group, now), now, self._in_app)
        for destination in self._destinations:
            try:
                destination.take(occurrence)
            except Exception:
                hook_failed(destination.take)
        self.ledger.note(group, {"title": occurrence.title, "where": where, **occurrence.request})

    def _group(self, error: BaseException, route: str | None) -> str:
        if self._own is not None:
            try:
                told = self._own(error, route)
            except Exception:
                hook_failed(self._own)
            else:
                if isinstance(told, str) and told:
                    return told[:OWN].encode("utf-8", "replace").decode()
        return fingerprint(error, route=route, in_app=self._in_app)
