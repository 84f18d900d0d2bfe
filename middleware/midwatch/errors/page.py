"""
`/errors`: what a process knows of its errors, for who operates it.

For everybody else the path does not exist: the request goes on to the application, which may have a page there.
"""

from __future__ import annotations

import logging
import os
import socket
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, final

import msgspec

from ..answers import Reply
from ..logs.safe import one_line
from ..logs.timestamp import rfc3339
from ..proxies import LOCAL, Networks
from ..quiet import Quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..exchange import Exchange
    from ..service import Service
    from .ledger import Group, Ledger

__all__ = ["ErrorPage"]

SCOPE: Final = "what this process has seen since then; other processes of the service count for themselves"

NO_STORE: Final = {"cache-control": "no-store"}
NOT_ALLOWED: Final = Reply(405, "errors are read by GET\n", headers={**NO_STORE, "allow": "GET, HEAD"})

SHOWN: Final = {
    "title": "title",
    "where": "where",
    "http.request.method": "method",
    "http.route": "route",
    "trace_id": "trace_id",
    "request_id": "request_id",
}
"""What is shown of the latest occurrence, and how it is called there."""


@final
class ErrorPage:
    """
    Answers requests for the errors.

    Args:
        ledger: What is shown.
        service: Named on the page.
        path: Where it is, below the mount point, with and without a slash at its end; None for nowhere.
        allow: Networks whose direct requests are answered.
        since: When counting began, seconds since the epoch.
        clock: Seconds, for what is logged once a minute.

    Attributes:
        paths: For what to ask it.

    Raises:
        ValueError: a path or a network that is none.
        TypeError: *allow* is one string.
    """

    def __init__(
        self,
        ledger: Ledger,
        service: Service,
        *,
        path: str | None,
        allow: Iterable[str] = LOCAL,
        since: float = 0.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        if isinstance(allow, str):
            raise TypeError(f"allow: {allow!r} is one string; give a list of networks")
        if path is not None and (not path.startswith("/") or set(path) & set("?#")):
            raise ValueError(f"path: {path!r} is not a path below the mount point, such as /errors")
        base = (path or "").rstrip("/")
        self.paths = frozenset[str]() if path is None else frozenset({base or "/", base + "/"})
        self._ledger = ledger
        self._service = service
        self._route = base or "/"
        self._allow = Networks(allow)
        self._since = since
        self._refusals = Quiet(clock)

    def answer(self, exchange: Exchange) -> Reply | None:
        """The page, or None for who may not read it."""
        peer = None if exchange.peer is None else exchange.peer[0]
        direct = exchange.direct
        if peer not in self._allow or not direct:
            self._tell_refusal(peer, direct)
            return None
        exchange.route = exchange.path.removesuffix(exchange.app_path) + self._route
        exchange.probe = True
        if exchange.method != "GET" and exchange.method != "HEAD":
            return NOT_ALLOWED
        return Reply(200, self._document(), media_type="application/json", headers=NO_STORE)

    def _document(self) -> str:
        since = rfc3339(self._since)
        document = {
            "service": self._service.fields(),
            "process": {"pid": os.getpid(), "host": socket.gethostname(), "since": since},
            "scope": SCOPE,
            "forgotten": self._ledger.forgotten,
            "errors": [_shown(group) for group in self._ledger.groups()],
        }
        return one_line(msgspec.json.encode(document).decode())

    def _tell_refusal(self, peer: str | None, direct: bool) -> None:
        who = "a peer without an address" if peer is None else repr(peer)
        how = "" if direct else ", which forwarded the request"
        self._refusals.say(
            logging.WARNING,
            f"errors not shown to {who}{how}: they are only for direct peers inside errors.allow; the application"
            " answered. If it has a page there, errors.path names another place",
        )


def _shown(group: Group) -> dict[str, Any]:
    """One element of `errors`; the latest of them comes first."""
    counts = {"fingerprint": group.fingerprint, "count": group.times}
    times = {"first": rfc3339(group.first), "last": rfc3339(group.last)}
    latest = {name: group.latest[field] for field, name in SHOWN.items() if field in group.latest}
    return {**counts, **times, **latest}
