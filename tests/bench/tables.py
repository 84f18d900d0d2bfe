"""The report as text: what a person reads, and the README quotes."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from .figures import part
from .rounds import PROTOCOLS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .figures import Row, Target
    from .load import Load
    from .memory import Memory

__all__ = ["columns", "load_table", "machine", "memory_lines", "overhead_table", "target_lines"]


def machine() -> str:
    """What this was measured on: ratios travel, microseconds do not."""
    model = platform.processor() or platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        names = [line.partition(":")[2].strip() for line in cpus.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores, {model}"


def overhead_table(protocol: str, rows: Iterable[Row]) -> list[str]:
    """The variants of one protocol, by time on the request's path and by CPU of all threads."""
    head = ("variant", "us", "over bare", "x floor", "of assembled", "CPU over", "x floor", "of assembled")
    cells = [(row.variant, f"{row.time:.1f}", *_overhead(row)) for row in rows]
    return [f"{PROTOCOLS[protocol]}, microseconds per request", "", *columns([head, *cells])]


def _overhead(row: Row) -> tuple[str, ...]:
    if row.variant == "bare":
        return ("",) * 6
    by_time = (f"{row.over:.1f}", _times(row.of_floor), part(row.of_assembled))
    return (*by_time, f"{row.over_cpu:.1f}", _times(row.cpu_of_floor), part(row.cpu_of_assembled))


def load_table(load: Load) -> list[str]:
    """Requests per second behind uvicorn, best of the alternating rounds."""
    bare = load.rates["bare"]
    head = ("variant", "requests/s", "of bare", "server CPU us/request", "server busy")
    cells = [
        (
            name, f"{rate.per_second:.0f}", f"{rate.per_second / bare.per_second:.0%}",
            "-" if rate.cpu is None else f"{rate.cpu:.0f}", "-" if rate.busy is None else f"{rate.busy:.0%}",
        )
        for name, rate in load.rates.items()
    ]  # fmt: skip
    return [f"Starlette behind uvicorn, one worker, driven by {load.client}", "", *columns([head, *cells])]


def memory_lines(memory: Memory) -> list[str]:
    """Resident memory with all six."""
    sent = f"{memory.requests} requests, {memory.paths} paths"
    held = f"{memory.before:.1f} MiB before, {memory.half:.1f} half way, {memory.after:.1f} after"
    return [f"Memory with all six, {sent}: {held}"]


def target_lines(targets: Iterable[Target]) -> list[str]:
    """Which promises this run keeps."""
    verdicts = {True: "met", False: "NOT MET", None: "-"}
    return [
        "Targets",
        "",
        *columns([(each.name, each.target, each.figure, verdicts[each.met]) for each in targets], 4),
    ]


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}"


def columns(rows: Sequence[tuple[str, ...]], left: int = 1) -> list[str]:
    """*rows* in columns, the first *left* of them flush left."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
