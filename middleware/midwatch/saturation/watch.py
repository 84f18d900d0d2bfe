"""All that saturation is told from, put together; started in each process that serves, and stopped with it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, final

from ..plugin import Plugin
from .agent import AgentPort
from .lag import LoopWatch
from .pool import Pools
from .recent import BusySeconds, QueueWaits
from .score import Saturation

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..metrics.store import Store

__all__ = ["SaturationWatch"]


@final
class SaturationWatch(Plugin):
    """
    Looks at the server, its event loop and its thread pools, and answers HAProxy.

    Args:
        store: Where the figures are kept, and those of `LatencyMetrics`.
        active: Requests under way in this process.
        capacity: Requests that it serves at once; None to ask the server.
        lag: Seconds after which an event loop counts as blocked; None to watch none.
        agent: `host:port` for HAProxy's agent check; None for none.
        draining: Whether the service wants no new traffic.

    Attributes:
        saturation: The score. Its `turn` wants to be called once a second.

    Raises:
        ValueError: a capacity, a time or an address that cannot be.
    """

    def __init__(
        self,
        store: Store,
        *,
        active: Callable[[], float],
        capacity: int | None = None,
        lag: float | None = 0.25,
        agent: str | None = None,
        draining: Callable[[], bool] = lambda: False,
    ) -> None:
        self._lag = None if lag is None else LoopWatch(store, threshold=lag)
        self.pools = Pools(store, requests=active, capacity=lambda: self.saturation.capacity.known)
        self.saturation = Saturation(
            store,
            active=active,
            busy=BusySeconds(store),
            capacity=capacity,
            queued=QueueWaits(store),
            lag=(lambda: 0.0) if self._lag is None else self._lag.peak,
            pool=self.pools.turn,
        )
        self.agent = None if agent is None else AgentPort(agent, score=self.saturation.overall, draining=draining)

    def on_startup(self) -> None:
        """Begin; an ASGI server calls from within its loop."""
        self.saturation.capacity.look()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            pass  # WSGI; trio, whose loop cannot be watched from outside.
        else:
            self.pools.watch(loop)
            if self._lag is not None:
                self._lag.watch(loop)
        if self.agent is not None:
            self.agent.start()

    def on_shutdown(self, deadline: float) -> None:
        """End."""
        if self._lag is not None:
            self._lag.stop()
        if self.agent is not None:
            self.agent.stop()
