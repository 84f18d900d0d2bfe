"""`fds`: this process may still open files and connections."""

from __future__ import annotations

import os
import resource
from typing import Any, final

from ..result import Result
from .kind import COMMON, Quick, percent, read
from .levels import LEVELS, Levels

__all__ = ["Descriptors", "made"]


@final
class Descriptors(Quick):
    """How many descriptors are open, in percent of the limit of this process."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__("fds", options)
        self._levels = Levels(options, 80.0, 95.0)

    def look(self) -> Result:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        with os.scandir("/proc/self/fd") as found:
            number = sum(1 for _ in found) - 1  # Without the one that looks.
        used = 0.0 if limit == resource.RLIM_INFINITY else 100.0 * number / max(1, limit)
        status = self._levels.of(used)
        said = None if status == "pass" else f"{number} of {limit} descriptors are open"
        return Result(status, said, round(used, 1), "percent")


def made(spec: str) -> Descriptors:
    """
    The check.

    Raises:
        ValueError: a parameter that is none.
    """
    return Descriptors(read(spec, COMMON | dict.fromkeys(LEVELS, percent)))
