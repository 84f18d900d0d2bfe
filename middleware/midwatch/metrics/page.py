"""Who may read the page, by which method, and what everybody else is told (RFC 9110, RFC 9457)."""

from __future__ import annotations

import logging
import zlib
from io import BytesIO
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple, final

import msgspec

from ..answers import Hold, Reply
from ..quiet import Quiet
from .exposition import accepts_gzip, names_of, negotiate, restrict
from .renders import Renders, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..exchange import Exchange
    from ..proxies import Networks
    from .collector import Shown

__all__ = ["FORBIDDEN", "LATE", "Asked", "Page", "problem"]

LIMIT: Final = 9.0
"""Seconds that a render may take: Prometheus gives up after 10 unless told otherwise."""

LEVEL: Final = 1
"""Of compression: a tenth of the size already, for a third of the time of the usual level."""

GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
"""How zlib is asked for gzip (RFC 1952), with no time in it."""

ALLOW: Final = {"allow": "GET, HEAD, OPTIONS"}
NO_STORE: Final = {"cache-control": "no-store"}
PLAIN: Final = {**NO_STORE, "vary": "Accept, Accept-Encoding"}
GZIP: Final = {**PLAIN, "content-encoding": "gzip"}


def problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> Reply:
    """An answer that is no page (RFC 9457)."""
    body = msgspec.json.encode({"type": "about:blank", "title": title, "status": status, "detail": detail})
    return Reply(status, body, media_type="application/problem+json", headers={**NO_STORE, **(headers or {})})


FORBIDDEN: Final = problem(403, "Forbidden", "Metrics are only for direct peers.")
NOT_ALLOWED: Final = problem(405, "Method Not Allowed", "Metrics are read by GET.", ALLOW)
BAD_QUERY: Final = problem(400, "Bad Request", "The query has too many parameters.")
FAILED: Final = problem(500, "Internal Server Error", "The metrics could not be rendered; the log says why.")
LATE: Final = problem(503, "Service Unavailable", "The metrics are not ready in time.")
OPTIONS: Final = Reply(204, headers={**NO_STORE, **ALLOW})


def _joined(pieces: Iterable[bytes]) -> tuple[bytes, int]:
    """All of *pieces*, and their length; they are let go of one by one, which all at once takes long."""
    body = BytesIO()
    for piece in pieces:
        body.write(piece)
    return body.getvalue(), body.tell()


def _packed(pieces: Iterable[bytes]) -> tuple[bytes, int]:
    """*pieces* as gzip, and their length before; the page is never in memory as a whole."""
    size, packed = 0, []
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    for piece in pieces:
        size += len(piece)
        packed.append(compressor.compress(piece))
    packed.append(compressor.flush())
    return b"".join(packed), size


class Asked(NamedTuple):
    """
    A request for the page, whatever it came through.

    Attributes:
        peer: Address of who asks; None where it has none.
        direct: No proxy forwarded it.
        query: What stands behind the `?`.
        accept, accept_encoding: The headers.
    """

    method: str
    peer: str | None
    direct: bool
    query: str = ""
    accept: str | None = None
    accept_encoding: str | None = None


def _nothing(*_: object) -> None: ...


@final
class Page:
    """
    Answers requests for the metrics.

    Args:
        shown: What the page shows.
        allow: Direct peers that may read it.
        clock: Seconds, for what is said once a minute.
        limit: Seconds that a render may take.
        scraped: Told of each render: seconds that it took, and bytes of the page before compression.

    Attributes:
        allow: As given.
    """

    def __init__(
        self,
        shown: Shown,
        allow: Networks,
        *,
        clock: Callable[[], float] = monotonic,
        limit: float = LIMIT,
        scraped: Callable[[float, int], object] = _nothing,
    ) -> None:
        self._shown = shown
        self.allow = allow
        self._scraped = scraped
        self._renders = Renders(self._render, FAILED, limit)
        self._refusals, self._failures = Quiet(clock), Quiet(clock)

    def forget(self) -> None:
        """Start afresh, in a forked child."""
        self._renders.forget()

    def answer(self, exchange: Exchange) -> Reply | Hold:
        """The answer to *exchange*, or the wait for it."""
        peer = None if exchange.peer is None else exchange.peer[0]
        accept, accept_encoding = exchange.header("accept"), exchange.header("accept-encoding")
        return self.respond(Asked(exchange.method, peer, exchange.direct, exchange.query, accept, accept_encoding))

    def respond(self, asked: Asked) -> Reply | Hold:
        """The answer to what is *asked*, or the wait for it."""
        if asked.peer not in self.allow or not asked.direct:
            self._tell_refusal(asked.peer, direct=asked.direct)
            return FORBIDDEN
        if asked.method == "GET" or asked.method == "HEAD":
            try:
                names = names_of(asked.query)
            except ValueError:
                return BAD_QUERY
            return self._rendered(Wanted(negotiate(asked.accept), accepts_gzip(asked.accept_encoding), names))
        return OPTIONS if asked.method == "OPTIONS" else NOT_ALLOWED

    def _rendered(self, wanted: Wanted) -> Reply | Hold:
        try:
            future, left = self._renders.ask(wanted)
        except RuntimeError:  # Out of threads, or the interpreter ends.
            return LATE
        return Hold(future, left, LATE) if left > 0 else LATE

    def _render(self, wanted: Wanted) -> Reply:
        started = perf_counter()
        try:
            pieces = wanted.format.pieces(restrict(self._shown.collect(), wanted.names))
            body, size = _packed(pieces) if wanted.gzip else _joined(pieces)
            reply = Reply(200, body, media_type=wanted.format.media_type, headers=GZIP if wanted.gzip else PLAIN)
            self._scraped(perf_counter() - started, size)
        except BaseException as error:  # A collector may call sys.exit(); who waits must hear of it all the same.
            self._failures.say(logging.ERROR, "metrics could not be rendered: a collector failed", error)
            return FAILED
        return reply

    def _tell_refusal(self, peer: str | None, *, direct: bool) -> None:
        who = "a peer without an address" if peer is None else repr(peer)
        how = "" if direct else ", which forwarded the request"
        self._refusals.say(
            logging.WARNING, f"metrics refused to {who}{how}: they are only for direct peers inside metrics.allow"
        )
