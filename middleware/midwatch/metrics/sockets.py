"""Websockets: how they were answered, how long they lasted, and how they ended."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from ..exchange import Exchange
    from .store import Store

__all__ = ["LONG_BUCKETS", "Websockets", "close_class"]

LONG_BUCKETS: Final = (0.1, 1.0, 10.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 43200.0, 86400.0)
"""Upper bounds of what lasts, seconds to a day."""

CLASSES: Final = {
    1000: "normal", 1001: "going_away", 1002: "protocol", 1003: "data", 1005: "no_status", 1006: "abnormal",
    1007: "data", 1008: "policy", 1009: "data", 1010: "protocol", 1011: "server_error", 1012: "restart",
    1013: "try_later", 1014: "gateway", 1015: "tls",
}  # fmt: skip
"""Of close codes (RFC 6455 section 7.4 and the IANA registry)."""


def close_class(code: object) -> str:
    """One of a few words for a close code, which clients choose."""
    if not isinstance(code, int):
        return "unknown"
    known = CLASSES.get(code)
    return known or ("library" if 3000 <= code < 4000 else "application" if 4000 <= code < 5000 else "other")


@final
class Websockets:
    """
    Counts websockets that are over.

    Args:
        store: Where.
    """

    def __init__(self, store: Store) -> None:
        self._handshakes = store.counter(
            "http_server_websocket_handshakes",
            "Websockets that were accepted, refused, or left without an answer, once they are over.",
            ("http_route", "result"),
        )
        self._seconds = store.histogram(
            "http_server_websocket_duration_seconds", "How long websockets were open.", LONG_BUCKETS, ("http_route",)
        )
        self._closes = store.counter(
            "http_server_websocket_closes", "Ends of open websockets, by class of the code.", ("http_route", "class")
        )

    def count(self, exchange: Exchange, route: str) -> None:
        """Count *exchange*, a websocket."""
        result = "accepted" if exchange.status == 101 else "abandoned" if exchange.status is None else "refused"
        self._handshakes.add(1.0, route, result)
        if result == "accepted":
            begun = exchange.started if exchange.first_byte is None else exchange.first_byte
            ended = perf_counter() if exchange.ended is None else exchange.ended
            self._seconds.observe(max(0.0, ended - begun), route)
            self._closes.add(1.0, route, close_class(exchange.close_code))
