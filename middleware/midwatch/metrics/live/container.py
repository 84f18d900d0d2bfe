"""
What the container may use, and when it was made to wait: cgroup v2.

Throttling is what makes a service slow whose own figures are all well. Workers share a container, so whoever shows the
page reads it, when it is read. Source: Linux, Documentation/admin-guide/cgroup-v2.rst and accounting/psi.rst.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

__all__ = ["ContainerFigures"]

MAX_FILE: Final = 65_536
"""Bytes of one file that are read."""

MICRO: Final = 1e-6

CPU: Final = (
    ("nr_periods", "periods", "Periods in which the container could have used up its share of the CPU.", 1.0),
    ("nr_throttled", "throttled_periods", "Periods in which it did, and was stopped.", 1.0),
    ("throttled_usec", "throttled_seconds", "Seconds for which its threads were stopped.", MICRO),
)


@final
class ContainerFigures:
    """
    Reads the cgroup of this process; where there is none, or not of version 2, there are no families.

    Args:
        root: Where `proc` and `sys` are.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def collect(self) -> Iterator[Metric]:
        """What the kernel says now; each family only where it says something."""
        directory = self._directory()
        if directory is not None:
            yield from _cpu(directory)
            yield from _memory(directory)
            yield from _pressure(directory)

    def _directory(self) -> Path | None:
        lines = _read(self._root / "proc/self/cgroup").splitlines()
        path = next((line[3:] for line in lines if line.startswith("0::/")), None)
        if path is None:
            return None
        # A path that leads out of our namespace is one that we cannot see.
        parts = [part for part in PurePosixPath(path).parts[1:] if part != ".."]
        for mount in ("sys/fs/cgroup", "sys/fs/cgroup/unified"):
            top = self._root / mount
            for directory in (top.joinpath(*parts), top):
                if (directory / "cgroup.controllers").is_file():
                    return directory
        return None


def _cpu(directory: Path) -> Iterator[Metric]:
    stat = _fields(_read(directory / "cpu.stat"))
    for key, name, said, unit in CPU:
        if key in stat:
            yield CounterMetricFamily(f"cgroup_cpu_{name}", said, stat[key] * unit)
    quota, _, period = _read(directory / "cpu.max").strip().partition(" ")
    if _is_number(quota) and _is_number(period) and int(period):
        yield GaugeMetricFamily("cgroup_cpu_limit_cores", "Cores that it may use.", int(quota) / int(period))


def _memory(directory: Path) -> Iterator[Metric]:
    used = _number(directory / "memory.current")
    if used is None:
        return
    yield GaugeMetricFamily("cgroup_memory_bytes", "Memory of the container, its files in memory included.", used)
    cached = _fields(_read(directory / "memory.stat")).get("inactive_file", 0)
    working = max(0, used - cached)
    yield GaugeMetricFamily("cgroup_memory_working_set_bytes", "Without files that can be dropped.", working)
    kills = _fields(_read(directory / "memory.events")).get("oom_kill")
    if kills is not None:
        yield CounterMetricFamily("cgroup_memory_oom_kills", "Processes killed for want of memory.", kills)
    limit = _number(directory / "memory.max")
    if limit:
        yield GaugeMetricFamily("cgroup_memory_limit_bytes", "Memory that it may use.", limit)
        yield GaugeMetricFamily("cgroup_memory_ratio", "Working set by limit.", working / limit)


def _pressure(directory: Path) -> Iterator[Metric]:
    family = CounterMetricFamily(
        "cgroup_pressure_waiting_seconds",
        "Seconds in which some threads, or all of them (full), waited for a resource.",
        labels=("resource", "share"),
    )
    for resource in ("cpu", "memory", "io"):
        lines = (line.partition(" ") for line in _read(directory / f"{resource}.pressure").splitlines())
        for share, told in {share: told for share, _, told in lines if share in {"some", "full"}}.items():
            total = told.rpartition("total=")[2].strip()
            if _is_number(total):
                family.add_metric((resource, share), int(total) * MICRO)
    if family.samples:
        yield family


def _fields(text: str) -> dict[str, int]:
    """Lines of a name and a number."""
    pairs = (line.partition(" ") for line in text.splitlines())
    return {name: int(value) for name, _, value in pairs if _is_number(value)}


def _number(path: Path) -> int | None:
    """The number in a file; None where it says `max`, or is not there."""
    text = _read(path).strip()
    return int(text) if _is_number(text) else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 24


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE).decode("ascii", "replace")
    except OSError:
        return ""
