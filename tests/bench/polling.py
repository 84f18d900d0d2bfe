"""Pollers of `/health/ready` while a check of it hangs: what each waits, and how often the check runs."""

from __future__ import annotations

import asyncio
import threading
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .processes import Broken

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Polling", "measure_polling", "polling_lines"]

TARGET: Final = 10.0
ROUNDS: Final = 5


class Polling(msgspec.Struct):
    """
    Milliseconds of one answer.

    Attributes:
        alone: Of one poller after the other, the median.
        p50, p99, most: With all of them at once on one event loop, without the time that they wait for each other.
        burst: Until the last of all at once had its answer.
        runs: Of the check.
    """

    pollers: int
    alone: float
    p50: float
    p99: float
    most: float
    burst: float
    runs: int


def measure_polling(pollers: int, pause: float, tell: Callable[[str], None]) -> Polling:
    """
    Poll an application inside its event loop, *pollers* at once, every *pause* seconds.

    Raises:
        Broken: an answer was not one.
    """
    tell(f"{pollers} pollers of a hanging check")
    return asyncio.run(_poll(pollers, pause))


async def _poll(pollers: int, pause: float) -> Polling:
    from midwatch.asgi import ASGIMiddleware
    from midwatch.health import HealthCheck

    released, runs = threading.Event(), [0]

    def hangs() -> None:
        runs[0] += 1
        released.wait()

    app = ASGIMiddleware(_nothing, HealthCheck(checks={"database": hangs}, timeout=pause / 0.3))
    alone = sorted([await _ask(app) for _ in range(20)])
    taken: list[float] = []
    burst = 0.0
    for _ in range(ROUNDS):
        started = perf_counter()
        taken += await asyncio.gather(*(_ask(app) for _ in range(pollers)))
        burst = max(burst, perf_counter() - started)
        await asyncio.sleep(pause)  # So that the bursts fall before and after the deadline of the check.
    released.set()
    taken.sort()
    p50, p99 = (taken[int(len(taken) * share)] * 1e3 for share in (0.5, 0.99))
    return Polling(pollers, alone[10] * 1e3, p50, p99, taken[-1] * 1e3, burst * 1e3, runs[0])


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("not reached")


async def _ask(app: Any) -> float:
    statuses: list[int] = []

    async def send(message: Any) -> None:
        statuses.extend([message["status"]] if "status" in message else [])

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/health/ready", "query_string": b"", "root_path": "", "headers": [], "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    started = perf_counter()
    await app(scope, _receive, send)
    if statuses != [503]:
        raise Broken(f"a poller was answered {statuses}")
    return perf_counter() - started


async def _receive() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


def polling_lines(found: Polling) -> list[str]:
    """For a person."""
    return [
        (
            f"{found.pollers} pollers at once of /health/ready while its check hangs: p50 {found.p50:.2f} ms, p99"
            f" {found.p99:.2f} ms, at most {found.most:.2f} ms; the last of a burst after {found.burst:.1f} ms; alone"
            f" {found.alone:.2f} ms; the check ran {found.runs} time(s)"
        ),
        f"target: p99 below {TARGET:g} ms, one run: {'met' if found.p99 < TARGET and found.runs == 1 else 'NOT MET'}",
    ]
