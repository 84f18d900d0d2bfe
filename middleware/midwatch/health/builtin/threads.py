"""`threads`: there is a thread for the next request that needs one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, final

from ..result import Result
from .kind import COMMON, Quick, read

if TYPE_CHECKING:
    from collections.abc import Callable

    class Pool(Protocol):
        """Threads that run what must not block the event loop."""

        @property
        def busy(self) -> float: ...
        @property
        def size(self) -> float: ...
        @property
        def queued(self) -> float: ...


__all__ = ["Threads", "made"]


def _pool() -> Pool | None:
    from ...saturation import pool  # noqa: PLC0415 - only where somebody asks for it

    return pool.busy()


@final
class Threads(Quick):
    """
    Whether all threads of the pool are busy and something waits for one; only ever a warning.

    Args:
        options: None of its own.
        pool: What is known of the pool, None where there is none.
    """

    gate = False

    def __init__(self, options: dict[str, Any], pool: Callable[[], Pool | None] = _pool) -> None:
        super().__init__("threads", options)
        self._pool = pool

    def look(self) -> Result:
        pool = self._pool()
        if pool is None:
            return Result("pass", observed="no pool is watched")
        if pool.queued > 0 and pool.busy >= pool.size:
            said = f"all {pool.size:.0f} threads are busy, {pool.queued:.0f} calls wait"
            return Result("warn", said, pool.busy, "threads")
        return Result("pass", observed=pool.busy, unit="threads")


def made(spec: str) -> Threads:
    """
    The check.

    Raises:
        ValueError: a parameter that is none.
    """
    return Threads(read(spec, COMMON))
