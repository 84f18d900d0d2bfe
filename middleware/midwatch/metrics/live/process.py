"""
What the workers use, under the names of prometheus_client's `ProcessCollector`: dashboards made for one process go on.

Gauges are added up over workers, so that `process_open_fds / process_max_fds` stays what it was; who looks for the one
worker that leaks has `midwatch_worker_*`.
"""

from __future__ import annotations

import os
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_NOFILE, RUSAGE_SELF, getrlimit, getrusage
from typing import TYPE_CHECKING, Final, NamedTuple, final

if TYPE_CHECKING:
    from ..store import Store

__all__ = ["ProcessFigures", "Spent"]

PAGE: Final = os.sysconf("SC_PAGE_SIZE")
TICKS: Final = os.sysconf("SC_CLK_TCK")

MANY: Final = 1000
"""Files that are counted every second; of more, each thousand adds a second between two counts."""


class _Stat(NamedTuple):
    """Of `/proc/self/stat` (proc(5)): threads, clock ticks from boot to start, bytes, bytes."""

    threads: int
    started: int
    virtual: int
    resident: int


class Spent:
    """What has been written of a process that only grows: its id, seconds of CPU, voluntary and forced switches."""

    __slots__ = ("pid", "seconds", "switches")

    def __init__(self) -> None:
        self.begin(0)

    def begin(self, pid: int) -> None:
        """A process begins at zero, a forked one too; what it has used by now nobody has counted."""
        self.pid = pid
        self.seconds, self.switches = 0.0, (0, 0)


@final
class ProcessFigures:
    """
    Writes what this process uses.

    Args:
        store: Where it is written.
        proc: Where procfs is.
        spent: What was written there before, and is not again; kept up to date.
    """

    def __init__(self, store: Store, proc: Path = Path("/proc"), spent: Spent | None = None) -> None:
        self._proc = proc
        self._skip = 0
        self._spent = Spent() if spent is None else spent
        self._boot = _boot_time(proc)
        self._cpu = store.counter("process_cpu_seconds", "Total user and system CPU time spent in seconds.").of()
        switches = store.counter(
            "process_context_switches",
            "Times that the workers gave way: by waiting, or made to.",
            ("kind",),
            bounded=False,
        )
        self._voluntary, self._forced = switches.of("voluntary"), switches.of("forced")
        self._virtual = store.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.").of()
        self._resident = store.gauge(
            "process_resident_memory_bytes", "Resident memory size in bytes; what forked workers share counts in each."
        ).of()
        self._threads = store.gauge("process_threads", "Threads.").of()
        self._open = store.gauge("process_open_fds", "Number of open file descriptors.").of()
        self._max = store.gauge("process_max_fds", "Maximum number of open file descriptors.").of()
        self._start = store.gauge(
            "process_start_time_seconds",
            "Start time of the oldest worker since unix epoch in seconds.",
            merge="min",
        ).of()
        self._worker_resident = store.gauge(
            "midwatch_worker_resident_memory_bytes", "Resident memory size of each worker.", merge="worker"
        ).of()
        self._worker_open = store.gauge(
            "midwatch_worker_open_fds", "Number of open file descriptors of each worker.", merge="worker"
        ).of()
        self._worker_start = store.gauge(
            "midwatch_worker_start_time_seconds", "Start time of each worker since unix epoch.", merge="worker"
        ).of()

    def turn(self) -> None:
        """Write what is so now; once a second."""
        self._count()
        try:
            stat = _stat(self._proc)
            self._virtual.set(stat.virtual)
            self._threads.set(stat.threads)
            for resident in (self._resident, self._worker_resident):
                resident.set(stat.resident)
            if self._boot is not None:
                for start in (self._start, self._worker_start):
                    start.set(self._boot + stat.started / TICKS)
            self._files()
        except (OSError, ValueError, IndexError):
            return  # No procfs that we know.

    def _count(self) -> None:
        pid, spent = os.getpid(), self._spent
        if pid != spent.pid:
            spent.begin(pid)
            self._skip = 0
        used = getrusage(RUSAGE_SELF)
        seconds = used.ru_utime + used.ru_stime
        self._cpu.add(max(0.0, seconds - spent.seconds))
        self._voluntary.add(used.ru_nvcsw - spent.switches[0])
        self._forced.add(used.ru_nivcsw - spent.switches[1])
        spent.seconds, spent.switches = seconds, (used.ru_nvcsw, used.ru_nivcsw)

    def _files(self) -> None:
        if self._skip:
            self._skip -= 1
            return
        path = self._proc / "self" / "fd"
        # Linux 6.2 says how many there are; before it they have to be listed, and the list is one of them.
        number = path.stat().st_size or len(os.listdir(path)) - 1  # noqa: PTH208 - faster
        self._skip = number // MANY
        limit = getrlimit(RLIMIT_NOFILE)[0]
        self._open.set(number)
        self._worker_open.set(number)
        if limit != RLIM_INFINITY:
            self._max.set(limit)


def _stat(proc: Path) -> _Stat:
    # The name of the program, in brackets, may hold anything.
    fields = (proc / "self" / "stat").read_bytes().rpartition(b")")[2].split()
    return _Stat(int(fields[17]), int(fields[19]), int(fields[20]), int(fields[21]) * PAGE)


def _boot_time(proc: Path) -> float | None:
    try:
        lines = (proc / "stat").read_text("ascii", "replace").splitlines()
    except OSError:
        return None
    return next((float(line[6:]) for line in lines if line.startswith("btime ") and line[6:].isdecimal()), None)
