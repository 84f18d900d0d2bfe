"""How an exchange ends: the error that left the application, and the one outcome that all are told. For doors."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Final

from .answers import Outcome

if TYPE_CHECKING:
    from .answers import Reply
    from .exchange import Exchange

__all__ = ["conclude", "fail", "find_route"]

OK: Final = Outcome.OK
ERROR: Final = Outcome.ERROR


def find_route(exchange: Exchange) -> None:
    """Keep the route, while the framework still knows it."""
    if exchange._route is None and exchange.outcome is None:  # noqa: SLF001 - the properties take several times as long
        exchange._route = exchange.find_route()  # noqa: SLF001


def fail(exchange: Exchange, error: BaseException) -> Reply | None:
    """
    Note that *error* left the application; runs `on_error` once per exception object.

    What only says that the client left is no error of the application's.

    Returns:
        the answer for an application that has none.
    """
    gone = exchange.disconnected or exchange.close_code is not None
    if exchange.error is error or (gone and is_departure(exchange, error)):
        return None
    exchange.error = error
    find_route(exchange)
    return exchange.moments.error(exchange)


def conclude(exchange: Exchange, *, cancelled: bool = False) -> None:
    """Decide the outcome and run `on_finish`, once."""
    if exchange.outcome is not None:
        return
    if exchange.ended is None:
        exchange.ended = perf_counter()
    exchange.duration = exchange.ended - exchange.started
    find_route(exchange)
    if exchange.method == "HEAD":
        # Servers do not send what the application made (RFC 9110 section 9.3.2).
        exchange.bytes_out = 0
    if exchange.complete and exchange.error is None and not exchange.disconnected:
        exchange.outcome = OK if exchange.status is None or exchange.status < 500 else ERROR
    else:
        exchange.outcome = _fate(exchange, cancelled)
    exchange.moments.finish(exchange)


def _fate(exchange: Exchange, cancelled: bool) -> Outcome:
    if exchange.error is not None:
        if exchange.status is None:
            # Both specifications have the server answer 500 when the app raised before it started.
            exchange.status = 500
        return ERROR
    if exchange.disconnected:
        return Outcome.ABORTED
    return Outcome.CANCELLED if cancelled else Outcome.INCOMPLETE


_DEPARTURES: Final = frozenset({"ClientDisconnect", "WebSocketDisconnect"})


def is_departure(exchange: Exchange, error: BaseException | None) -> bool:
    """Whether *error* only says that the client left: the server's own OSError, or a framework's name for it."""
    for _ in range(16):
        if error is None:
            return False
        if error is exchange.departure or type(error).__name__ in _DEPARTURES:
            return True
        error = error.__cause__  # Not __context__: what fails while a departure is handled is an error.
    return False
