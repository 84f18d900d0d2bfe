"""`loop`: the event loop of this process turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from ...destinations.address import seconds
from ..result import Result
from .kind import COMMON, Quick, read
from .levels import LEVELS, Levels

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Loop", "made"]


def _latest() -> float | None:
    from ...saturation import lag  # noqa: PLC0415 - only where somebody asks for it

    return lag.latest()


@final
class Loop(Quick):
    """
    How long what is ready has to wait for its turn. It takes nothing out of traffic: the others would get it all.

    Args:
        options: From how many seconds on it warns, and fails.
        latest: The lag in seconds, None where no event loop is watched.
    """

    gate = False

    def __init__(self, options: dict[str, Any], latest: Callable[[], float | None] = _latest) -> None:
        super().__init__("loop", options)
        self._levels = Levels(options, 0.25, 2.0)
        self._latest = latest

    def look(self) -> Result:
        lag = self._latest()
        if lag is None:
            return Result("pass", observed="no event loop is watched")
        status = self._levels.of(lag)
        said = None if status == "pass" else "the event loop is late"
        return Result(status, said, round(lag, 6), "s")


def made(spec: str) -> Loop:
    """
    The check.

    Raises:
        ValueError: a parameter that is none.
    """
    return Loop(read(spec, COMMON | dict.fromkeys(LEVELS, seconds)))
