"""`disk:/path`: there is room where the path is."""

from __future__ import annotations

import os
from typing import final

from ...destinations.address import Address
from ..result import Result
from .kind import COMMON, Quick, percent
from .levels import LEVELS, Levels

__all__ = ["Disk", "made"]


@final
class Disk(Quick):
    """
    How much of a file system is used, in percent of what this process may use: space or inodes, whichever is more.

    Args:
        address: Whose path is on it.
    """

    def __init__(self, address: Address) -> None:
        super().__init__(address.name, address.options)
        self._path = address.path
        self._levels = Levels(address.options, 90.0, 98.0)

    def look(self) -> Result:
        told = os.statvfs(self._path)
        space = _used(told.f_blocks - told.f_bfree, told.f_bavail)
        inodes = _used(told.f_files - told.f_ffree, told.f_favail)
        used, what = max((space, "space"), (inodes, "inodes"))
        status = self._levels.of(used)
        said = None if status == "pass" else f"{used:.0f} % of the {what} is used"
        return Result(status, said, round(used, 1), "percent")


def _used(used: int, free: int) -> float:
    """Percent; some file systems have no inodes to count."""
    return 100.0 * used / (used + free) if used + free > 0 else 0.0


def made(spec: str) -> Disk:
    """
    The check.

    Raises:
        ValueError: no path.
    """
    address = Address.of(spec, 0, COMMON | dict.fromkeys(LEVELS, percent))
    if address.host or not address.path.startswith("/") or "\0" in address.path:
        raise ValueError("disk: needs a path: disk:/var/lib/orders")
    return Disk(address)
