"""
`memory`: there is memory left, for the container or else for the machine.

Of a container it is the working set, as the kubelet counts it: what is used, without the file cache that can be given
back at once. Sources: cgroup v2 (https://docs.kernel.org/admin-guide/cgroup-v2.html, "Memory"), proc(5).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

from ..result import Result
from .kind import COMMON, Quick, percent, read
from .levels import LEVELS, Levels
from .reason import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Memory", "made"]

NEVER: Final = float("inf")


@final
class Memory(Quick):
    """
    How much memory is used, in percent of what there is.

    By default it only warns: a process without memory is not helped by others that get its requests.

    Args:
        options: From how many percent on it warns, and fails.
        system: Where the system tells.
    """

    def __init__(self, options: dict[str, Any], system: Path = Path("/")) -> None:
        super().__init__("memory", options)
        self._levels = Levels(options, 90.0, NEVER)
        self._system = system

    def look(self) -> Result:
        shares = [*_of_groups(self._system)] or [_of_machine(self._system / "proc/meminfo")]
        used = 100.0 * max(shares)
        status = self._levels.of(used)
        said = None if status == "pass" else f"{used:.0f} % of the memory is used"
        return Result(status, said, round(used, 1), "percent")


def _of_groups(system: Path) -> Iterator[float]:
    """The share that is used of each limit above this process."""
    top = system / "sys/fs/cgroup"
    for group in _groups(system / "proc/self/cgroup", top):
        try:
            limit = (group / "memory.max").read_text("ascii").strip()
            if limit == "max":
                continue
            used = int((group / "memory.current").read_text("ascii"))
            cache = _number(group / "memory.stat", "inactive_file")
            yield max(0, used - cache) / max(1, int(limit))
        except (OSError, ValueError):
            continue  # The topmost group has no limits; of others there may be nothing to see from inside.


def _groups(told: Path, top: Path) -> list[Path]:
    """The group of this process, and those that it is in."""
    try:
        lines = told.read_text("utf-8", "replace").splitlines()
    except OSError:
        return [top]
    own = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "/")
    group = top / own.strip().lstrip("/")
    if ".." in group.parts:
        return [top]  # It is outside of what this namespace shows.
    return [group, *(parent for parent in group.parents if parent.is_relative_to(top))]


def _of_machine(told: Path) -> float:
    total, available = (_number(told, name) for name in ("MemTotal:", "MemAvailable:"))
    if not total:
        raise Finding("the system does not tell")
    return 1 - available / total


def _number(path: Path, name: str) -> int:
    """The number behind *name* in its line."""
    for line in path.read_text("ascii", "replace").splitlines():
        words = line.split()
        if words[:1] == [name]:
            return int(words[1])
    return 0


def made(spec: str) -> Memory:
    """
    The check.

    Raises:
        ValueError: a parameter that is none.
    """
    return Memory(read(spec, COMMON | dict.fromkeys(LEVELS, percent)))
