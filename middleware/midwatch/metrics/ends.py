"""What is seldom counted at the end of an exchange: streams, websockets, background work and exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from ..answers import Outcome
from ..errors.fingerprint import fingerprint
from .labels import label_text
from .series import UNMATCHED
from .sockets import LONG_BUCKETS, Websockets

if TYPE_CHECKING:
    from ..exchange import Exchange
    from .store import Store

__all__ = ["BACKGROUND", "STREAM", "Ends", "error_type"]

BACKGROUND: Final = 0.001
"""Seconds that an application may take after its last byte and be done."""

STREAM: Final = 0.1
"""Seconds that a body takes before its type is looked at."""

ENDLESS: Final = ("text/event-stream", "multipart/x-mixed-replace")
"""Types of bodies that last for as long as somebody listens."""

DIGITS: Final = 15
"""Of a fingerprint: `v1:` and twelve of its digits."""


@final
class Ends:
    """
    Counts them.

    Args:
        store: Where.
        buckets: Upper bounds of durations, seconds.
    """

    def __init__(self, store: Store, buckets: tuple[float, ...]) -> None:
        self._websockets = Websockets(store)
        self._streams = store.histogram(
            "http_server_stream_duration_seconds",
            "How long event streams were open; the request duration has the time to their first byte.",
            LONG_BUCKETS,
            ("http_route",),
        )
        self._background = store.histogram(
            "http_server_background_seconds",
            "Seconds that an application worked on after the last byte, where it was more than a millisecond.",
            buckets,
            ("http_route",),
        )
        self._exceptions = store.counter(
            "http_server_exceptions",
            "Exceptions that left the application, by class and fingerprint (as the error report groups them).",
            ("http_route", "error_type", "fingerprint"),
        )

    def stream(self, exchange: Exchange) -> bool:
        """Count *exchange* if it is a stream that lasts as long as somebody listens; whether it is one."""
        kind = (exchange.response_header("content-type") or "").lower().lstrip()
        if not kind.startswith(ENDLESS):
            return False
        self._streams.observe(exchange.duration, _route(exchange))
        return True

    def background(self, exchange: Exchange, seconds: float) -> None:
        """Count the *seconds* that the application worked on."""
        self._background.observe(seconds, _route(exchange))

    def websocket(self, exchange: Exchange) -> None:
        """Count a websocket that is over."""
        self._websockets.count(exchange, _route(exchange))

    def exception(self, exchange: Exchange, error: BaseException) -> None:
        """Count *error*."""
        route = exchange.route
        group = fingerprint(error, route=route)[:DIGITS]
        self._exceptions.add(1.0, UNMATCHED if route is None else label_text(route), type(error).__qualname__, group)


def _route(exchange: Exchange) -> str:
    return UNMATCHED if exchange.route is None else exchange.route


def error_type(exchange: Exchange) -> str | None:
    """A client that left is `aborted`, also where its door has the server's OSError to show for it."""
    return "aborted" if exchange.outcome is Outcome.ABORTED else exchange.error_type
