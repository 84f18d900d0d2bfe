"""Which processes are workers of one service: a group, named by the process that made them."""

from __future__ import annotations

import multiprocessing
import os
import re
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["Group", "boot", "is_alive", "namespace", "own_group", "server"]

SERVERS: Final = re.compile(rb"(?:.*/)?(gunicorn|uvicorn|hypercorn|granian|uwsgi)(?:[:. -].*)?", re.DOTALL)
"""Words of a command that start a server; also where it changes how it is shown, as in "gunicorn: master"."""

WORDS: Final = 6
"""Words of a command that are looked at: behind them are arguments."""

PYTHON: Final = re.compile(rb"(?:.*/)?(python|pypy)[0-9.t]*", re.DOTALL)


class Group(NamedTuple):
    """A process: its pid, and when it started, in ticks since boot (proc(5), field 22 of /proc/PID/stat)."""

    pid: int
    start: int


def own_group() -> Group:
    """The parent, if it is a server that made this process; else this process."""
    parent = os.getppid()
    pid = parent if server() else os.getpid()
    return Group(pid, _start(pid) or 0)


def server() -> str | None:
    """How one knows that the parent makes workers of which this is one; None if it seems not to."""
    if multiprocessing.parent_process() is not None:
        return "multiprocessing made this process"
    parent = os.getppid()
    told = _read(parent, "cmdline")
    words = told.split(b"\0")[:WORDS]
    found = next(filter(None, map(SERVERS.fullmatch, words)), None)
    match _executable(parent):
        case None:  # Another user's. At least it is no shell that was told to start a server.
            same = bool(PYTHON.fullmatch(words[0]) or SERVERS.fullmatch(words[0]))
        case program:
            same = program == _executable(os.getpid())
    if found and same:
        return f"the parent process is {found[1].decode()}"
    if told and same and told == _read(os.getpid(), "cmdline"):
        return "the parent process is a fork of the same program"
    return None


def is_alive(group: tuple[int, int]) -> bool:
    """Whether that process still runs, and is no later one of the same pid."""
    return group[0] > 0 and _start(group[0]) == group[1]


def boot() -> bytes:
    """16 bytes that the machine draws when it starts."""
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:  # noqa: PTH123 - half the time
            return bytes.fromhex(file.read(64).decode().replace("-", "").strip())[:16].ljust(16, b"\0")
    except (OSError, ValueError):
        return bytes(16)


def namespace() -> int:
    """The number of the namespace that pids are of: containers that share a directory need not share pids."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0


def _start(pid: int) -> int | None:
    # The name, in parentheses, may hold anything.
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    if len(fields) < 20 or fields[0] in (b"Z", b"X"):
        return None
    return int(fields[19])


def _read(pid: int, name: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:  # noqa: PTH123
            return file.read(1 << 16)
    except OSError:
        return b""


def _executable(pid: int) -> str | None:
    """None where it may not be known, as of a parent that has another user."""
    try:
        return os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115
    except OSError:
        return None
