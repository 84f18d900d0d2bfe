"""Resident memory before and after very many requests for very many paths."""

from __future__ import annotations

import gc
import os
import subprocess
from typing import Final

import msgspec

from . import apps, watched
from .calls import ASGICaller
from .processes import Broken, command

__all__ = ["Memory", "main", "measure_memory", "resident"]

PATHS: Final = 100_000
BATCH: Final = 1_000
WARM_UP: Final = 5_000


class Memory(msgspec.Struct):
    """Resident MiB of a process that watches an ASGI application with all six."""

    requests: int
    paths: int
    before: float
    half: float
    after: float


def measure_memory(requests: int) -> Memory | None:
    """
    Ask in a process of its own; None where the system does not tell.

    Raises:
        Broken: the process failed.
    """
    done = subprocess.run(command("memory", str(requests)), stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise Broken(f"memory: ended with {done.returncode}; its words are above")
    return msgspec.json.decode(done.stdout, type=Memory) if done.stdout.strip() else None


def main(requests: int) -> int:
    """Send *requests*, half of them to a route and half to nowhere; print the figures as JSON."""
    if not os.path.exists("/proc/self/statm"):  # noqa: PTH110
        return 0
    app = watched.watch(apps.starlette_app(), watched.ALL)
    paths = min(PATHS, requests // 2)
    caller = ASGICaller()
    _send(caller, app, WARM_UP, WARM_UP)
    before = resident()
    _send(caller, app, requests // 2, paths)
    half = resident()
    _send(caller, app, requests // 2, paths)
    print(msgspec.json.encode(Memory(requests, paths, before, half, resident())).decode())
    return 0


def _send(caller: ASGICaller, app: object, requests: int, paths: int) -> None:
    for start in range(0, requests, BATCH):
        numbers = (number % paths for number in range(start, start + BATCH))
        caller.call(app, [f"/items/{number}" if number % 2 else f"/nowhere/{number}" for number in numbers])  # type: ignore[arg-type]
        # A real server has pauses; without any, what grows is the queue, up to its bound.
        watched.flush()


def resident() -> float:
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
