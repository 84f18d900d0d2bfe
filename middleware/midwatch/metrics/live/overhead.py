"""
What we ourselves add to a request.

One request a second is measured, the first after each pulse. All others pay nothing, not even for being counted: a door
that is due has one hook more, which takes itself away when it is called.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Final, final

from ...moments import Moments, doors

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...answers import Reply
    from ...exchange import Exchange
    from ...moments import Answers
    from ...plugin import Plugin
    from ..store import Store

__all__ = ["OverheadFigures"]

BUCKETS: Final = (
    0.0000025,
    0.000005,
    0.00001,
    0.000025,
    0.00005,
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.1,
)

MOMENTS: Final = (
    "plugins",
    "kinds",
    "on_startup",
    "on_serving",
    "on_request",
    "on_response",
    "on_error",
    "on_finish",
    "on_shutdown",
)


@final
class OverheadFigures:
    """
    Has each running door measure one request.

    Args:
        store: Where the seconds go.
        owner: Doors with this plugin are measured.
    """

    def __init__(self, store: Store, owner: Plugin) -> None:
        self._owner = owner
        self._observe = (
            store.histogram(
                "midwatch_middleware_overhead_seconds",
                "Seconds that doors and plugins add to a request, waiting left out; of one request a second.",
                BUCKETS,
            )
            .of()
            .observe
        )

    def turn(self) -> None:
        """Make every door due that is not yet."""
        for moments in _running():
            hooks = moments.on_request
            if self._owner in moments.plugins and not any(isinstance(hook, _Sample) for hook in hooks):
                moments.on_request = (*hooks, _Sample(moments, hooks, self._observe))


def _running() -> list[Moments]:
    try:
        return list(doors)
    except RuntimeError:
        return []  # A door started in this moment; all are there for the next turn.


@final
class _Sample:
    """The last hook of a request that is measured, if it is none of an operator's."""

    def __init__(
        self, moments: Moments, hooks: tuple[Callable[..., object], ...], observe: Callable[[float], object]
    ) -> None:
        self._moments = moments
        self._hooks = hooks
        self._observe = observe

    def __call__(self, exchange: Exchange) -> None:
        if not exchange.probe:
            self._moments.on_request = self._hooks
            exchange.moments = _Timed(exchange.moments, perf_counter() - exchange.started, self._observe)


@final
class _Timed(Moments):
    """
    The moments of one exchange, timed.

    Args:
        moments: Those of its door.
        spent: Seconds until its application is called.
        observe: Told of all seconds when the exchange is over.
    """

    __slots__ = ("_inner", "_observe", "_spent")

    def __init__(self, moments: Moments, spent: float, observe: Callable[[float], object]) -> None:
        self._spent = spent
        self._observe = observe
        self._take(moments)

    def _take(self, moments: Moments) -> None:
        self._inner = moments
        for name in MOMENTS:
            setattr(self, name, getattr(moments, name))

    def joined_by(self, inner: Moments) -> tuple[Moments, Moments]:
        joining, joined = self._inner.joined_by(inner)
        self._take(joined)
        return joining, self

    def response(self, exchange: Exchange) -> Answers | None:
        started = perf_counter()
        answers = super().response(exchange)
        self._spent += perf_counter() - started
        return answers

    def error(self, exchange: Exchange) -> Reply | None:
        started = perf_counter()
        reply = super().error(exchange)
        self._spent += perf_counter() - started
        return reply

    def finish(self, exchange: Exchange) -> None:
        started = perf_counter()
        try:
            super().finish(exchange)
        finally:
            self._observe(self._spent + perf_counter() - started)
