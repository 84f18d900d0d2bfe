"""What an event loop feels while the store of the audit trail is stalled: how late its timers are."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import os
import shutil
import tempfile
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Final

import msgspec

from .acks import body, new_writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from midwatch.audit.writer import Writer

__all__ = ["Lag", "measure_lag"]

TICK: Final = 0.001
REQUESTS: Final = 32
"""Requests at once, each of which waits for the deadline, and for the disk."""

RATE: Final = 0.01
"""Seconds between the requests of one client: some thousand events a second, if nothing held them up."""


class Lag(msgspec.Struct):
    """
    Milliseconds that timers were late.

    Attributes:
        idle: The same loop without any audit trail: what this machine does to a loop by itself.
        events: Acknowledged while the store was stalled.
    """

    seconds: float
    p50: float
    p99: float
    p999: float
    idle: float
    events: int


def measure_lag(seconds: float, chance: Random) -> Lag:
    """A loop with requests whose store is locked by somebody else for so long."""
    folder = tempfile.mkdtemp()
    path = f"{folder}/audit.db"
    writer = new_writer(f"sqlite:///{path}", f"{folder}/spill")
    try:
        first = writer.put(body(chance))
        assert first is not None
        first.result(30)
        with _locked(f"{path}.lock"):
            gc.collect()
            late, events = asyncio.run(_loop(writer, seconds, chance))
        idle, _ = asyncio.run(_loop(None, min(seconds, 5.0), chance))
    finally:
        writer.close(30)
        shutil.rmtree(folder, ignore_errors=True)
    p50, p99, p999 = (late[int(len(late) * share)] * 1e3 for share in (0.5, 0.99, 0.999))
    return Lag(seconds, p50, p99, p999, idle[int(len(idle) * 0.999)] * 1e3, events)


@contextmanager
def _locked(path: str) -> Iterator[None]:
    """As another process would hold it: a lock belongs to an open file."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


async def _loop(writer: Writer | None, seconds: float, chance: Random) -> tuple[list[float], int]:
    late: list[float] = []
    events = 0
    over = asyncio.Event()
    until = perf_counter() + seconds

    async def tick() -> None:
        while not over.is_set():
            begun = perf_counter()
            await asyncio.sleep(TICK)
            late.append(max(0.0, perf_counter() - begun - TICK))

    async def client(writer: Writer) -> None:
        nonlocal events
        while perf_counter() < until:
            ack = writer.put(body(chance))
            assert ack is not None
            await asyncio.wrap_future(ack)
            events += 1
            await asyncio.sleep(RATE)

    ticking = asyncio.create_task(tick())
    if writer is None:
        await asyncio.sleep(seconds)
    else:
        await asyncio.gather(*(client(writer) for _ in range(REQUESTS)))
    over.set()
    await ticking
    late.sort()
    return late, events
