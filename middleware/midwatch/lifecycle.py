"""Starting and stopping the plugins of one door: once each, whoever says so first."""

from __future__ import annotations

import atexit
import threading
import weakref
from time import monotonic
from typing import TYPE_CHECKING, Final, final

from .delivery import last_words
from .logs.setup import reassert
from .moments import doors
from .plugin import hook_failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from .moments import Moments

__all__ = ["Lifecycle"]

SHUTDOWN: Final = 5.0
"""Seconds that plugins and destinations have when the server stops."""


def _nothing() -> None: ...


@final
class Lifecycle:
    """
    Runs `on_startup` and `on_serving` before the first exchange, and `on_shutdown` after the last.

    A server that speaks the ASGI lifespan says when; for others the first request starts and `atexit` stops.

    Args:
        moments: Who is told.
        started: Called once they have been told of a start; must not hold the door.
        door: Whose. Once it is gone, what its plugins do on their own ends; their last words wait for the end of the
            process.

    Attributes:
        running: Between the two. A server may start again after it stopped, as test clients do.
    """

    def __init__(self, moments: Moments, started: Callable[[], object] = _nothing, door: object | None = None) -> None:
        self._moments = moments
        if door is not None:
            weakref.finalize(door, _let_go, moments).atexit = False
        self._started = started
        self._lock = threading.RLock()  # A plugin that warms the application up comes back in.
        self._stopping = self._served = False
        self.running = False

    def start(self, *, serving: bool = True) -> None:
        """
        Tell the plugins that the server runs.

        Args:
            serving: The application is as ready as it will be; else `serve` follows.
        """
        if self._stopping:
            return  # A last request while plugins flush: it must not wait for them.
        with self._lock:
            if self.running:
                return
            self.running = True
            doors.add(self._moments)
            atexit.register(self.stop)
            reassert()
            self._moments.startup()
            try:
                self._started()
            except Exception:
                hook_failed(self._started)
            if serving:
                self.serve()

    def serve(self) -> None:
        """Tell the plugins that the application has started too."""
        with self._lock:
            if self.running and not self._served:
                self._served = True
                self._moments.serving()

    def stop(self) -> None:
        """Tell the plugins that the server stops, and give them `SHUTDOWN` seconds to flush."""
        with self._lock:
            if not self.running or self._stopping:
                return
            self._stopping = True
            doors.discard(self._moments)
            try:
                atexit.unregister(self.stop)
                until = monotonic() + SHUTDOWN
                self._moments.shutdown(SHUTDOWN)
                last_words(max(0.0, until - monotonic()))
            finally:
                self.running = self._stopping = self._served = False


def _let_go(moments: Moments) -> None:
    """A door was dropped without a stop, as tests do: have its plugins do nothing more on their own."""
    doors.discard(moments)
    others = {id(plugin) for others in list(doors) for plugin in others.plugins}
    for plugin in moments.plugins:
        if id(plugin) not in others:
            plugin.let_go()
