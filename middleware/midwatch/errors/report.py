"""
`ErrorReport`: every unhandled exception once, grouped by what it is and where it happened, and told to whoever listens.

By default the log does, with one JSON line through the logger `midwatch.error` at level ERROR: the request it belongs
to (`trace_id`, `request_id`, `http.request.method`, `url.path`, `http.route`), `error.fingerprint` and `error.count` to
group and count by, and the exception itself (see `midwatch.errors.describe`). Put it behind `Tracing`, which knows the
ids.
"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Final, final

from ..exchange import current
from ..plugin import Plugin, hook_failed
from ..proxies import LOCAL
from ..redaction import DEFAULT
from ..service import Service
from .destinations import Destination, LogLine
from .destinations.sdk import meet
from .frames import is_in_app
from .grouping import Grouping
from .ledger import Ledger
from .occurrence import Occurrence
from .outside import forget, listen
from .page import ErrorPage
from .problem import negotiated, problem
from .seen import first_sight
from .threads import ThreadErrors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..answers import Reply
    from ..exchange import Exchange
    from ..redaction import Redactor

__all__ = ["ErrorReport"]

ANSWERS: Final = {"framework": problem, "problem+json": negotiated, "server": None}
"""Who makes the answer for an application that has none, by `respond`."""


@final
class ErrorReport(Plugin):
    """
    Every unhandled exception once, and a 500 where nobody else answers.

    Args:
        service: Named wherever an error is told.
        to: Who is told; by default the log.
        respond: `"framework"`: an application that raised before it answered, and has no framework to answer for it, is
            answered for with problem details (RFC 9457). `"problem+json"`: so are Starlette, FastAPI, Flask and
            Django, unless the application has a handler of its own or is being debugged, with a page or text for who
            prefers that. `"server"`: that is left to the server.
        fingerprint: Groups exceptions in place of `v1`: takes the exception and the route, returns text, or None for
            `v1` after all.
        clock: Seconds since the epoch.
        in_app: Whether a file is the application's own; by default what is neither installed nor part of Python.
        threads: Whether exceptions that end a thread are reported too.
        path: Where the counts are served; None for nowhere.
        allow: Direct peers that may read them; for others the path does not exist.
        redactor: Hides what is secret, in everything that is told of an exception.

    Attributes:
        ledger: What is known of each fingerprint.
        answering: Makes the answer to an unhandled exception where frameworks have one too; None if that is theirs.

    Raises:
        ValueError: a *respond* that is none of these, a *path* or a network that is none.
        TypeError: *allow* is one string.
    """

    def __init__(
        self,
        *,
        service: Service | None = None,
        to: Sequence[Destination] | None = None,
        respond: str = "framework",
        fingerprint: Callable[[BaseException, str | None], str | None] | None = None,
        clock: Callable[[], float] = time,
        in_app: Callable[[str], bool] | None = None,
        threads: bool = False,
        path: str | None = None,
        allow: Iterable[str] = LOCAL,
        redactor: Redactor = DEFAULT,
    ) -> None:
        if respond not in ANSWERS:
            raise ValueError(f"respond: {respond!r} is none of {', '.join(ANSWERS)}")
        service = service or Service.known()
        self._answer = ANSWERS[respond]
        self.answering = negotiated if respond == "problem+json" else None
        self._destinations = (LogLine(service),) if to is None else tuple(to)
        self._group = Grouping(fingerprint, in_app or is_in_app)
        self._clock = clock
        self._in_app = in_app or is_in_app
        self._redactor = redactor
        self.ledger = Ledger()
        self._page = ErrorPage(self.ledger, service, path=path, allow=allow, since=clock())
        self._paths = self._page.paths
        self._threads = ThreadErrors(self._thread_ended) if threads else None

    def on_startup(self) -> None:
        """Hear of what does not leave a request, too."""
        meet()
        listen(self)
        if self._threads is not None:
            self._threads.start()

    def on_request(self, exchange: Exchange) -> Reply | None:
        """Serve the page."""
        if exchange.app_path in self._paths and exchange.kind == "http":
            return self._page.answer(exchange)
        return None

    def on_error(self, exchange: Exchange) -> Reply | None:
        """Report the exception, unless this object was; answer for the application."""
        if exchange.error is not None:
            self.outside(exchange.error, "request", exchange)
        if self._answer is None or exchange.status is not None or exchange.framework.answers:
            return None
        return self._answer(exchange)

    def outside(self, error: BaseException, where: str, exchange: Exchange | None) -> None:
        """Report *error*, unless this object was; never raises."""
        if first_sight(error, 0.0 if exchange is None else exchange.started):
            try:
                self._tell(error, exchange, where)
            except Exception:
                # A broken destination does not cost the client its answer.
                hook_failed(self.outside)

    def on_shutdown(self, deadline: float) -> None:
        """Have destinations say what is left to say."""
        for destination in self._destinations:
            try:
                destination.close(deadline)
            except Exception:
                hook_failed(destination.close)
        forget(self)
        if self._threads is not None:
            self._threads.stop()

    def _thread_ended(self, error: Exception) -> None:
        self.outside(error, "thread", current())

    def _tell(self, error: BaseException, exchange: Exchange | None, where: str) -> None:
        now = self._clock()
        group = self._group(error, None if exchange is None else exchange.route)
        occurrence = Occurrence(
            error, exchange, where, group, self.ledger.add(group, now), now, self._in_app, self._redactor
        )
        for destination in self._destinations:
            try:
                destination.take(occurrence)
            except Exception:
                hook_failed(destination.take)
        self.ledger.note(group, {"title": occurrence.title, "where": where, **occurrence.request})
