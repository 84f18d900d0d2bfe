"""Starting and stopping the plugins of one door: once each, whoever says so first."""

from __future__ import annotations

import atexit
import threading
from time import monotonic
from typing import TYPE_CHECKING, Final, final

from .delivery import last_words
from .logs.setup import reassert
from .plugin import hook_failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from .plugin import Moments

__all__ = ["Lifecycle"]

SHUTDOWN: Final = 5.0
"""Seconds that plugins and destinations have when the server stops."""


def _nothing() -> None: ...


@final
class Lifecycle:
    """
    Runs `on_startup` before the first exchange and `on_shutdown` after the last.

    A server that speaks the ASGI lifespan says when; for others the first request starts and `atexit` stops.

    Args:
        moments: Who is told.
        started: Called once they have been told of a start.

    Attributes:
        running: Between the two. A server may start again after it stopped, as test clients do.
    """

    def __init__(self, moments: Moments, started: Callable[[], object] = _nothing) -> None:
        self._moments = moments
        self._started = started
        self._lock = threading.RLock()  # A plugin that warms the application up comes back in.
        self._stopping = False
        self.running = False

    def start(self) -> None:
        """Tell the plugins that the server runs."""
        if self._stopping:
            return  # A last request while plugins flush: it must not wait for them.
        with self._lock:
            if self.running:
                return
            self.running = True
            atexit.register(self.stop)
            reassert()
            self._moments.startup()
            try:
                self._started()
            except Exception:
                hook_failed(self._started)

    def stop(self) -> None:
        """Tell the plugins that the server stops, and give them `SHUTDOWN` seconds to flush."""
        with self._lock:
            if not self.running or self._stopping:
                return
            self._stopping = True
            try:
                atexit.unregister(self.stop)
                until = monotonic() + SHUTDOWN
                self._moments.shutdown(SHUTDOWN)
                last_words(max(0.0, until - monotonic()))
            finally:
                self.running = self._stopping = False
