"""
Thread pools: how many of their threads are busy, and how much waits for one.

| label `pool` | what |
| --- | --- |
| `anyio` | the limiter of `anyio.to_thread`, in which Starlette and FastAPI run plain functions |
| `asyncio` | the default executor of a loop, for `asyncio.to_thread`; not to be seen where the loop is uvloop's |
| `wsgi` | the threads that a WSGI server has for requests |
"""

from __future__ import annotations

import math
import os
import sys
import weakref
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from ..metrics.store import Store

__all__ = ["Pool", "Pools", "busy"]

LOOPS: Final = 64
"""Event loops whose pools are looked at; a process that makes one per request has none worth it."""


class Pool(NamedTuple):
    """
    A thread pool at one moment.

    Attributes:
        busy: Threads at work.
        size: Threads that there may be.
        queued: What waits for a thread.
    """

    busy: int
    size: int
    queued: int

    @property
    def load(self) -> float:
        """Work by room for it: above 1 something waits."""
        return (self.busy + self.queued) / self.size if self.size > 0 else 0.0


_known: weakref.WeakSet[Pools] = weakref.WeakSet()


def busy() -> Pool | None:
    """The fullest thread pool of this process; None where none is known."""
    found = [pool for pools in list(_known) for _, pool in pools.now()]
    return max(found, key=lambda pool: pool.load, default=None)


@final
class Pools:
    """
    The thread pools of this process, and their figures: `thread_pool_busy`, `thread_pool_size`, `thread_pool_queued`.

    Args:
        store: Where the figures are kept.
        requests: How many requests are under way: each has a thread, unless a loop is watched.
        capacity: How many threads there are for them.
    """

    def __init__(
        self,
        store: Store,
        *,
        requests: Callable[[], float] | None = None,
        capacity: Callable[[], int | None] = lambda: None,
    ) -> None:
        labels = ("pool",)
        self._busy = store.gauge("thread_pool_busy", "Threads at work.", labels, bounded=False)
        self._size = store.gauge("thread_pool_size", "Threads that there may be.", labels, bounded=False)
        self._queued = store.gauge("thread_pool_queued", "What waits for a thread.", labels, bounded=False)
        self._requests, self._capacity = requests, capacity
        self.forget()
        _known.add(self)

    def forget(self) -> None:
        """Start without loops, in a forked child."""
        self._loops: list[tuple[weakref.ref[asyncio.AbstractEventLoop], Any]] = []
        self._shown: set[str] = set()

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look at the pools of *loop*; in it, within a task: the limiter can be asked for nowhere else."""
        self._loops = [(ref, limiter) for ref, limiter in self._loops if _open(ref()) and ref() is not loop]
        if len(self._loops) < LOOPS:
            try:
                self._loops.append((weakref.ref(loop), _limiter()))
            except TypeError:
                return

    def now(self) -> Iterator[tuple[str, Pool]]:
        """Each pool by its kind; of several loops, all of a kind are one."""
        found: dict[str, Pool] = {}
        for ref, limiter in self._loops:
            loop = ref()
            if _open(loop):
                for kind, pool in (("anyio", _of_limiter(limiter)), ("asyncio", _of_executor(loop))):
                    if pool is not None:
                        known = found.get(kind, Pool(0, 0, 0))
                        found[kind] = Pool(*(sum(pair) for pair in zip(known, pool, strict=True)))
        size = self._capacity()
        if self._requests is not None and size and not self._loops:
            under_way = max(0, int(self._requests()))
            found["wsgi"] = Pool(min(under_way, size), size, max(0, under_way - size))
        yield from found.items()

    def turn(self) -> float:
        """Note the figures of now, nothing for kinds that are no more; the load of the fullest."""
        load = 0.0
        found = dict(self.now())
        for kind, pool in found.items():
            self._note(kind, pool)
            load = max(load, pool.load)
        for kind in self._shown - found.keys():
            self._note(kind, (math.nan, math.nan, math.nan))
        self._shown = set(found)
        return load

    def _note(self, kind: str, figures: tuple[float, float, float]) -> None:
        for gauge, figure in zip((self._busy, self._size, self._queued), figures, strict=True):
            gauge.set(figure, kind)


def _open(loop: asyncio.AbstractEventLoop | None) -> bool:
    return loop is not None and not loop.is_closed()


def _limiter() -> Any:
    """The running loop's limiter; None where nothing has imported anyio, or it does not know where it is."""
    to_thread = sys.modules.get("anyio.to_thread")
    try:
        return None if to_thread is None else to_thread.current_default_thread_limiter()
    except Exception:
        return None


def _of_limiter(limiter: Any) -> Pool | None:
    try:
        size = limiter.total_tokens
        busy = limiter.borrowed_tokens
        queued = limiter.statistics().tasks_waiting if busy >= size else 0
        return Pool(busy, sys.maxsize if size == float("inf") else int(size), queued)
    except Exception:
        return None  # Gone with its loop, or changed while it was looked at.


def _of_executor(loop: Any) -> Pool | None:
    """Of private fields: any of them may be missing, and then there is nothing to show."""
    try:
        executor = loop._default_executor  # noqa: SLF001
        threads, idle = len(executor._threads), executor._idle_semaphore._value  # noqa: SLF001
        return Pool(max(0, threads - idle), executor._max_workers, executor._work_queue.qsize())  # noqa: SLF001
    except AttributeError:
        return None


def _after_fork() -> None:
    for pools in list(_known):
        pools.forget()


os.register_at_fork(after_in_child=_after_fork)
