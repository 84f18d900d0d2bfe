"""
How many requests this process serves at once: what its server says, where that can be seen from within.

| server | capacity |
| --- | --- |
| gunicorn sync | 1 |
| gunicorn gthread | `threads` |
| gunicorn gevent, eventlet, tornado | `worker_connections`, unless that is the default, which nobody has meant |
| uvicorn, alone or below gunicorn | `limit_concurrency` |
| waitress, mod_wsgi, uWSGI | threads |
| any other | not to be seen; `metrics.capacity` says it, else it is `UNKNOWN` |

An asyncio server takes as many requests as come. What it can serve well is the operator's to measure.
"""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..metrics.store import Store

__all__ = ["UNKNOWN", "Capacity", "detected"]

UNKNOWN: Final = 100
"""Requests at once, where neither settings nor server say."""

UNMEANT: Final = 1000
"""gunicorn's default for `worker_connections`."""

SIGNALS: Final = (signal.SIGUSR1, signal.SIGABRT, signal.SIGQUIT, signal.SIGINT, signal.SIGTERM)
"""Those that servers handle with a method of the object that runs."""


def detected() -> int | None:
    """What the server of this process says; None where it says nothing."""
    for find in (_of_embedding, _of_gunicorn, _of_uvicorn, _of_waitress):
        try:
            found = find()
        except Exception:
            found = None  # A server of another make.
        if found is not None and found > 0:
            return found
    return None


def _handlers() -> list[Any]:
    """The objects whose methods handle signals: there is no other way from an application to its server."""
    found = []
    for number in SIGNALS:
        owner = getattr(signal.getsignal(number), "__self__", None)
        if owner is not None:
            found.append(owner)
    return found


def _is_a(thing: Any, module: str, name: str) -> bool:
    return any(base.__module__ == module and base.__name__ == name for base in type(thing).__mro__)


def _of_gunicorn() -> int | None:
    if "gunicorn" not in sys.modules:
        return None
    for worker in _handlers():
        if _is_a(worker, "gunicorn.workers.base", "Worker"):
            if _is_a(worker, "gunicorn.workers.gthread", "ThreadWorker"):
                return int(worker.cfg.threads)
            if _is_a(worker, "gunicorn.workers.sync", "SyncWorker"):
                return 1
            if hasattr(worker, "config") and hasattr(worker.config, "limit_concurrency"):
                return _whole(worker.config.limit_concurrency)
            connections = int(worker.cfg.worker_connections)
            return None if connections == UNMEANT else connections
    return None


def _of_uvicorn() -> int | None:
    if "uvicorn" not in sys.modules:
        return None
    servers = [owner for owner in _handlers() if _is_a(owner, "uvicorn.server", "Server")]
    return _whole(servers[0].config.limit_concurrency) if servers else None


def _of_waitress() -> int | None:
    if "waitress" not in sys.modules:
        return None
    names = [thread.name for thread in threading.enumerate()]
    return sum(name.startswith("waitress-") and name[9:].isdigit() for name in names) or None


def _of_embedding() -> int | None:
    """Servers in C, which put a module of their own into the interpreter."""
    if (apache := sys.modules.get("mod_wsgi")) is not None:
        return _whole(getattr(apache, "threads_per_process", None))
    if (uwsgi := sys.modules.get("uwsgi")) is not None:
        return _whole(uwsgi.opt.get("threads")) or 1
    return None


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


@final
class Capacity:
    """
    The capacity of this process, and how much of it is used.

    Families: `http_server_capacity` (the sum of all workers), `http_server_utilization_ratio` (their mean).

    Args:
        store: Where they are kept.
        active: Requests under way in this process.
        busy: Seconds that requests have taken, summed; None where they are not counted. By them the share in use is
            that of the whole time between two turns; else of a moment, which says little of a worker that serves one.
        given: What the settings say; None to ask the server.
        unknown: Where neither knows.

    Raises:
        ValueError: no capacity at all.
    """

    def __init__(
        self,
        store: Store,
        active: Callable[[], float],
        given: int | None = None,
        *,
        busy: Callable[[], float | None] = lambda: None,
        unknown: int = UNKNOWN,
    ) -> None:
        if given is not None and given < 1:
            raise ValueError(f"metrics.capacity: {given} requests at once would be none")
        self._active, self._busy, self._given, self._unknown = active, busy, given, unknown
        self._spent: float | None = None
        self._detected: int | None = None
        self._asked = given is not None
        self._capacity = store.gauge("http_server_capacity", "Requests that all workers serve at once.").of()
        self._ratio = store.gauge(
            "http_server_utilization_ratio", "Share of the capacity that is in use.", merge="mean"
        ).of()

    @property
    def size(self) -> int:
        """Requests that this process serves at once."""
        return self._given or self._detected or self._unknown

    @property
    def known(self) -> int | None:
        """The same; None where it is but assumed."""
        return self._given or self._detected

    def look(self) -> None:
        """Ask the server; once it runs."""
        if self._given is None:
            self._detected = detected()
            self._asked = True
        self.turn(0.0)

    def turn(self, seconds: float) -> float:
        """
        Note the figures of now, so many *seconds* after the last; none before the server was asked.

        Returns:
            the share in use, from 0; above 1 where more is under way than it was thought to bear.
        """
        used = self._under_way(seconds) / self.size
        if self._asked:
            self._capacity.set(self.size)
            self._ratio.set(used)
        return used

    def _under_way(self, seconds: float) -> float:
        before, spent = self._spent, self._busy()
        self._spent = spent
        if before is None or spent is None or seconds <= 0:
            return max(0.0, self._active())
        return max(0.0, (spent - before) / seconds)
