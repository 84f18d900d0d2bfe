"""Who may read the page, by which method, and what everybody else is told (RFC 9110, RFC 9457)."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, Final, final

import msgspec

from ..answers import Hold, Reply
from ..quiet import Quiet
from .exposition import Renders, negotiate

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..exchange import Exchange
    from ..proxies import Networks
    from .collector import Shown
    from .exposition import Format

__all__ = ["Page"]

LIMIT: Final = 9.0
"""Seconds that a render may take: Prometheus gives up after 10 unless told otherwise."""

ALLOW: Final = {"allow": "GET, HEAD, OPTIONS"}
NO_STORE: Final = {"cache-control": "no-store"}


def _problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> Reply:
    body = msgspec.json.encode({"type": "about:blank", "title": title, "status": status, "detail": detail})
    return Reply(status, body, media_type="application/problem+json", headers={**NO_STORE, **(headers or {})})


FORBIDDEN: Final = _problem(403, "Forbidden", "Metrics are only for direct peers.")
NOT_ALLOWED: Final = _problem(405, "Method Not Allowed", "Metrics are read by GET.", ALLOW)
FAILED: Final = _problem(500, "Internal Server Error", "The metrics could not be rendered; the log says why.")
LATE: Final = _problem(503, "Service Unavailable", "The metrics are not ready in time.")
OPTIONS: Final = Reply(204, headers={**NO_STORE, **ALLOW})


@final
class Page:
    """
    Answers requests for the metrics.

    Args:
        shown: What the page shows.
        allow: Direct peers that may read it.
        clock: Seconds, for what is said once a minute.
        limit: Seconds that a render may take.
    """

    def __init__(
        self, shown: Shown, allow: Networks, *, clock: Callable[[], float] = monotonic, limit: float = LIMIT
    ) -> None:
        self._shown = shown
        self._allow = allow
        self._renders = Renders(self._render, FAILED, limit)
        self._refusals, self._failures = Quiet(clock), Quiet(clock)

    def forget(self) -> None:
        """Start afresh, in a forked child."""
        self._renders.forget()

    def answer(self, exchange: Exchange) -> Reply | Hold:
        """The answer, or the wait for it."""
        peer = None if exchange.peer is None else exchange.peer[0]
        if peer not in self._allow or not exchange.direct:
            self._tell_refusal(peer, direct=exchange.direct)
            return FORBIDDEN
        if exchange.method == "GET" or exchange.method == "HEAD":
            return self._rendered(negotiate(exchange.header("accept")))
        return OPTIONS if exchange.method == "OPTIONS" else NOT_ALLOWED

    def _rendered(self, wanted: Format) -> Reply | Hold:
        try:
            future, left = self._renders.ask(wanted)
        except RuntimeError:  # Out of threads, or the interpreter ends.
            return LATE
        return Hold(future, left, LATE) if left > 0 else LATE

    def _render(self, wanted: Format) -> Reply:
        try:
            body = wanted.write(self._shown)
        except BaseException as error:  # A collector may call sys.exit(); who waits must hear of it all the same.
            self._failures.say(logging.ERROR, "metrics could not be rendered: a collector failed", error)
            return FAILED
        return Reply(200, body, media_type=wanted.media_type, headers=NO_STORE)

    def _tell_refusal(self, peer: str | None, *, direct: bool) -> None:
        who = "a peer without an address" if peer is None else repr(peer)
        how = "" if direct else ", which forwarded the request"
        self._refusals.say(
            logging.WARNING, f"metrics refused to {who}{how}: they are only for direct peers inside metrics.allow"
        )
