"""A worker that counts requests for others to read, and the process that reads its pages: ours, and the peer's."""

from __future__ import annotations

import asyncio
import sys
from math import inf
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .calls import ASGICaller
from .peers import OURS

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Lag", "Scrape", "main", "work"]

TICK: Final = 0.001
"""Seconds between two looks at how late the event loop is."""


class Scrape(msgspec.Struct):
    """One page: milliseconds, the best of several; its bytes; the files that were read."""

    milliseconds: float
    size: int
    files: int


class Lag(msgspec.Struct):
    """Milliseconds that the event loop was late at most while nobody scraped, and while pages were read."""

    quiet: float
    scraped: float
    page: float
    series: int


def work(whose: str, folder: str, routes: int, requests: int, *, stay: bool) -> int:
    """Serve *requests* on so many *routes*, and stay alive until stdin ends if told to."""
    if whose == OURS:
        ASGICaller().call(_ours(folder), [f"/{number % routes}" for number in range(requests)])
    else:
        _count_with_peer(routes, requests)
    if stay:
        print("ready", flush=True)
        sys.stdin.read()
    return 0


def _ours(folder: str) -> Any:
    from midwatch import current
    from midwatch.asgi import ASGIMiddleware
    from midwatch.metrics import LatencyMetrics

    async def app(scope: Any, receive: Any, send: Any) -> None:
        exchange = current()
        assert exchange is not None
        exchange.route = scope["path"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    return ASGIMiddleware(app, LatencyMetrics(directory=Path(folder), max_series=100_000))


def _count_with_peer(routes: int, requests: int) -> None:
    import prometheus_client

    labels = ("method", "path", "status_code")
    seconds = prometheus_client.Histogram("http_request_duration_seconds", "Seconds.", labels)
    count = prometheus_client.Counter("http_requests", "Requests.", labels)
    sizes = prometheus_client.Histogram("http_response_size_bytes", "Bytes.", labels)
    for number in range(requests):
        values = ("GET", f"/{number % routes}", "200")
        seconds.labels(*values).observe(0.001)
        sizes.labels(*values).observe(2)
        count.labels(*values).inc()


def main(whose: str, folder: str) -> int:
    """Scrape what is in *folder*, or measure the lag meanwhile; print it as JSON."""
    if whose.startswith("lag "):
        found: Any = asyncio.run(_lag(folder, int(whose.removeprefix("lag "))))
    else:
        found = _scrape(_our_page(folder) if whose == OURS else _peer_page(folder), folder)
    print(msgspec.json.encode(found).decode())
    return 0


def _scrape(page: Callable[[], bytes], folder: str) -> Scrape:
    best, size = inf, 0
    for _ in range(5):
        started = perf_counter()
        size = len(page())
        best = min(best, perf_counter() - started)
    return Scrape(best * 1e3, size, sum(path.is_file() for path in Path(folder).iterdir()))


def _our_page(folder: str) -> Callable[[], bytes]:
    app, caller = _ours(folder), ASGICaller(client="127.0.0.1")
    return lambda: caller.answer(app, "/metrics").body


def _peer_page(folder: str) -> Callable[[], bytes]:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
    return lambda: generate_latest(registry)


async def _lag(folder: str, series: int) -> Lag:
    app, caller = _ours(folder), ASGICaller(client="127.0.0.1")
    await caller.serve(app, [f"/{number}" for number in range(series)])
    quiet = await _latest(app, caller, asyncio.sleep(1))
    pages: list[float] = []

    async def scrape() -> None:
        for _ in range(3):
            started = perf_counter()
            answer = await caller.answered(app, "/metrics")
            assert answer.status == 200
            pages.append(perf_counter() - started)

    scraped = await _latest(app, caller, scrape())
    return Lag(quiet * 1e3, scraped * 1e3, min(pages) * 1e3, series)


async def _latest(app: Any, caller: ASGICaller, until: Any) -> float:
    """How late the loop was at most until *until* is over, while it serves requests."""
    doing = asyncio.ensure_future(until)
    most = 0.0
    while not doing.done():
        due = perf_counter() + TICK
        await asyncio.sleep(TICK)
        most = max(most, perf_counter() - due)
        await caller.serve(app, ["/0"])
    await doing
    return most
