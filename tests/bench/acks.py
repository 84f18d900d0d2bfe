"""How long who waits for an audit event waits, and how many a second there can be: ours, and one commit for each."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from time import perf_counter, time_ns
from typing import TYPE_CHECKING, Any, Final

import msgspec

from midwatch.audit.event import service_part, utc, uuid7
from midwatch.audit.stores import open_store
from midwatch.audit.writer import Lost, Writer
from midwatch.service import Service

from .onebyone import one_by_one

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

__all__ = ["AT_ONCE", "Acks", "body", "measure_acks", "new_writer"]

AT_ONCE: Final = (1, 16, 128)
MODES: Final = ("one by one", "async", "durable", "strict")

SERVICE: Final = service_part(Service("orders", "1.4.2", "production"), "bench")


class Acks(msgspec.Struct):
    """
    Events of so many concurrent requests.

    Attributes:
        per_second: Events, each of which is in the store at the end.
        p50, p99: Milliseconds until a request that waits may go on; of a strict one, two events.
    """

    store: str
    mode: str
    at_once: int
    per_second: float
    p50: float
    p99: float


def body(chance: Random, action: str = "PUT /orders/{id}") -> dict[str, Any]:
    """An event as a request makes it, but for its place in a chain."""
    now = time_ns()
    actor = f"u{chance.randrange(1000)}"
    return {
        "action": action,
        "actor": {"id": actor, "type": "user", "verified": True},
        "http": {"bytes_in": 180, "bytes_out": 512, "method": "PUT", "route": "/orders/{id}", "status": 200},
        "id": uuid7(now, chance.getrandbits(74)),
        "kind": "request",
        "outcome": "success",
        "request_id": f"{chance.getrandbits(128):032x}",
        "resource": [{"id": str(chance.randrange(10_000)), "type": "order"}],
        "service": SERVICE,
        "source": {"ip": "203.0.113.7", "ip_trust": "peer", "peer_ip": "203.0.113.7", "port": 40000},
        "time": utc(now),
        "trace_id": f"{chance.getrandbits(128):032x}",
        "v": 2,
    }


def new_writer(url: str, folder: str) -> Writer:
    """As the settings make one."""
    return Writer(open_store(url), service=SERVICE, spill=Path(folder))


def measure_acks(
    url: Callable[[], str], name: str, seconds: float, chance: Random, tell: Callable[[str], None]
) -> list[Acks]:
    """Every mode with every number of requests, each in a store of its own."""
    found = []
    for at_once in AT_ONCE:
        for mode in MODES:
            tell(f"audit events in {name}, {mode}, {at_once} at once")
            found.append(_measure(url(), name, mode, at_once, seconds, chance))
    return found


def _measure(url: str, name: str, mode: str, at_once: int, seconds: float, chance: Random) -> Acks:
    if mode == "one by one":
        taken, lasted = one_by_one(url, at_once, seconds, lambda: body(chance))
        count = len(taken)
    else:
        folder = tempfile.mkdtemp()
        writer = new_writer(url, folder)
        try:
            taken, count, lasted = asyncio.run(_requests(writer, mode, at_once, seconds, chance))
        finally:
            writer.close(30)
            shutil.rmtree(folder, ignore_errors=True)
    taken.sort()
    p50, p99 = (taken[int(len(taken) * share)] * 1e3 for share in (0.5, 0.99))
    return Acks(name, mode, at_once, count / lasted, p50, p99)


async def _requests(
    writer: Writer, mode: Any, at_once: int, seconds: float, chance: Random
) -> tuple[list[float], int, float]:
    """As many tasks, each of which waits for its event before it goes on, as a response would."""
    taken: list[float] = []
    events = 0
    await _wait(writer.put(body(chance), None, "durable"))  # Not the opening of the store.
    started = perf_counter()
    until = started + seconds

    async def one() -> None:
        nonlocal events
        while (begun := perf_counter()) < until or not taken:
            for _ in range(2 if mode == "strict" else 1):
                await _wait(writer.put(body(chance), None, mode))
                events += 1
            taken.append(perf_counter() - begun)
            if mode == "async":
                await asyncio.sleep(0.001 if writer.state().items > 10_000 else 0)  # The queue is bounded.

    await asyncio.gather(*(one() for _ in range(at_once)))
    await asyncio.to_thread(writer.flush, 30)
    return taken, events, perf_counter() - started


async def _wait(ack: Any) -> None:
    if ack is not None:
        try:
            await asyncio.wrap_future(ack)
        except Lost:
            raise RuntimeError("an event was lost in a benchmark: the queue was too small") from None
