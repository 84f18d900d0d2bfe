"""
Exceptions that do not leave a request: a start that failed, and what the application handled and wants known.

Whoever finds one need not know who reports it: reports listen here for as long as their server runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from ..exchange import current
from ..plugin import hook_failed

if TYPE_CHECKING:
    from ..exchange import Exchange

__all__ = ["Listener", "capture", "forget", "listen", "report_outside"]


class Listener(Protocol):
    """Who reports exceptions."""

    def outside(self, error: BaseException, where: str, exchange: Exchange | None) -> None:
        """Report *error*, unless that object was."""


_listeners: Final[list[Listener]] = []


def listen(listener: Listener) -> None:
    """Have *listener* told; a second time changes nothing."""
    if listener not in _listeners:
        _listeners.append(listener)


def forget(listener: Listener) -> None:
    """Have *listener* told no more."""
    if listener in _listeners:
        _listeners.remove(listener)


def report_outside(error: BaseException, where: str) -> None:
    """
    Report *error*, with the request that the calling code serves, if any; never raises.

    Args:
        error: As it was caught. Reported once, whoever else reports it.
        where: `startup`, `thread` or `handled`.
    """
    exchange = current()
    watching: tuple[object, ...] = () if exchange is None else exchange.moments.plugins
    # Of several applications in one process, that of the request reports it, else the one that started last.
    listeners = [listener for listener in _listeners if listener in watching] or _listeners
    for listener in [*reversed(listeners)]:
        try:
            listener.outside(error, where, exchange)
        except Exception:
            hook_failed(listener.outside)


def capture(error: BaseException) -> None:
    """
    Report an exception that the application handles.

    ```python
    try:
        prices = fetch_prices()
    except PriceServiceDown as error:
        midwatch.errors.capture(error)
        prices = yesterdays_prices()
    ```

    It is grouped, counted and told like one that nobody handles, and belongs to the request that is being served, if
    there is one. The answer to that request does not change. Raised again, it is not reported twice.
    """
    try:
        if not isinstance(error, BaseException):
            raise TypeError(f"capture takes an exception, not {type(error).__name__}")
        report_outside(error, "handled")
    except Exception:
        hook_failed(capture)  # It is called where something failed already.
