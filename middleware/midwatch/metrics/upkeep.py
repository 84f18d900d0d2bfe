"""What `LatencyMetrics` does without a request: from the start of the server to its end, or until it is dropped."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from .live import Live
    from .port import MetricsPort
    from .pulse import Pulse
    from .slots import Slot

__all__ = ["Upkeep"]


@final
class Upkeep:
    """
    Starts and ends it.

    Args:
        slot: Claimed while the server runs.
        pulse: Writes into it.
        live: What the pulse asks.
        port: Where the page is served as well.
    """

    def __init__(self, slot: Slot, pulse: Pulse, live: Live, port: MetricsPort | None) -> None:
        self._slot, self._pulse, self._live, self._port = slot, pulse, live, port
        pulse.ended = self._leave

    def start(self) -> None:
        """Write down once a second what others read; an ASGI server calls from within its loop."""
        with contextlib.suppress(RuntimeError):  # None runs in this thread.
            self._live.tasks.watch(asyncio.get_running_loop())
        self._slot.claim()  # No request waits for that.
        self._pulse.now()
        self._pulse.start()
        if self._port is not None:
            self._port.start()

    def stop(self) -> None:
        """Write it down a last time."""
        if not self._pulse.over:
            self._pulse.stop()
            self._pulse.now()
            self._quiet()

    def let_go(self) -> None:
        """Have one more pulse, and leave the slot to others: nobody will say that it stops."""
        self._pulse.over = True

    def _leave(self) -> None:
        self._slot.close()
        self._quiet()

    def _quiet(self) -> None:
        if self._port is not None:
            self._port.stop()
        self._live.stop()
