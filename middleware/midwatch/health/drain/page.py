"""
The drain over HTTP.

- GET, HEAD and OPTIONS show it; POST begins it, for `?seconds=` if that is given; DELETE ends it
- POST is answered at once by 202, and with `?wait` by 200 when the time is over, so that `preStop` needs no `sleep`
- direct peers inside `allow` alone, and no browser: a page from anywhere may send a POST to this machine
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Protocol, final
from urllib.parse import parse_qs

from ...answers import Hold, Reply
from ...logs.safe import encode_line
from .checked import delay_of

if TYPE_CHECKING:
    from ...exchange import Exchange
    from ...proxies import Networks
    from .state import Begun

__all__ = ["Page"]

NO_STORE: Final = {"Cache-Control": "no-store"}
ALLOW: Final = {"Allow": "GET, HEAD, OPTIONS, POST, DELETE"}
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})

REFUSED: Final = (
    "only from the machine itself: from a loopback address, without a header of a proxy (Forwarded, X-Forwarded-*, Via)"
    " and without Origin"
)

GRACE: Final = 1.0
"""Seconds that the end of a drain may be told late."""


class Drains(Protocol):
    """What the page shows."""

    @property
    def begun(self) -> Begun | None: ...
    @property
    def left(self) -> float: ...
    @property
    def standing(self) -> str | None: ...
    def begin(self, reason: str, delay: float | None = None, *, shared: bool = False) -> bool: ...
    def end(self) -> bool: ...
    def over(self) -> Future[None] | None: ...


@final
class Page:
    """
    Answers requests about a drain.

    Args:
        drain: The drain.
        allow: Direct peers that may see and change it.
    """

    def __init__(self, drain: Drains, allow: Networks) -> None:
        self._drain = drain
        self._allow = allow
        self._waited: Begun | None = None

    def answer(self, exchange: Exchange) -> Reply | Hold:
        """The answer, or the wait for it."""
        peer = None if exchange.peer is None else exchange.peer[0]
        if peer not in self._allow or not exchange.direct or exchange.header("origin") is not None:
            return _said(403, error=REFUSED)
        if exchange.method in READING:
            return self._state(200, allow=exchange.method == "OPTIONS")
        if exchange.method == "DELETE":
            return self._state(200 if self._drain.end() else 409)
        if exchange.method != "POST":
            return Reply(405, "method not allowed", headers=NO_STORE | ALLOW)
        return self._posted(exchange)

    def _posted(self, exchange: Exchange) -> Reply | Hold:
        try:
            query = parse_qs(exchange.query, keep_blank_values=True, max_num_fields=8)
        except ValueError:
            return _said(400, error="too many parameters")
        delay = None
        if "seconds" in query:
            delay = delay_of(query["seconds"][-1])
            if delay is None:
                return _said(400, error="seconds: a number from 0 to 3600")
        self._drain.begin("POST", delay, shared=True)
        if "wait" in query and self._may_wait(exchange):
            over = self._drain.over()
            if over is not None:
                return Hold(self._told(over), self._drain.left + GRACE, self._state(200))
        return self._state(202)

    def _may_wait(self, exchange: Exchange) -> bool:
        """
        Whether no request has to wait for a thread in return.

        A server with one thread would wait for itself: the signal comes at once, and is kept back. Of several, one may
        wait.
        """
        if "wsgi.version" not in exchange.native:
            return True
        begun, before = self._drain.begun, self._waited
        self._waited = begun
        return begun is not before and bool(exchange.native.get("wsgi.multithread", True))

    def _told(self, over: Future[None]) -> Future[Reply]:
        answer: Future[Reply] = Future()
        answer.set_running_or_notify_cancel()
        over.add_done_callback(lambda _: answer.set_result(self._state(200)))
        return answer

    def _state(self, status: int, *, allow: bool = False) -> Reply:
        begun, standing = self._drain.begun, self._drain.standing
        members: dict[str, Any] = {"draining": begun is not None}
        if begun is not None:
            members |= {"reason": begun.reason, "left": round(self._drain.left, 3)}
        members["sigterm"] = "drains" if standing is None else standing
        return _said(status, ALLOW if allow else {}, **members)


def _said(status: int, headers: dict[str, str] | None = None, **members: object) -> Reply:
    return Reply(status, encode_line(members), media_type="application/json", headers=NO_STORE | (headers or {}))
