"""What a scrape costs: after many workers have come and gone, and while requests are served."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from math import inf
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .calls import ASGICaller
from .figures import part
from .peers import OURS, SHARED
from .processes import Broken, command

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Scraping", "main", "measure_scraping", "scraping_lines", "work"]

PEER: Final = "prometheus_client"
TICK: Final = 0.001
"""Seconds between two looks at how late the event loop is."""

TARGET: Final = 10
MOST_LAG: Final = 20.0


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


class Scraping(msgspec.Struct):
    """After *generations* of workers; and with four workers of many series."""

    generations: int
    ours: Scrape
    peer: Scrape
    lag: Lag


def measure_scraping(tell: Callable[[str], None], *, quick: bool = False) -> Scraping:
    """
    Ours and prometheus_client's collector for several processes, on the same traffic.

    Raises:
        Broken: a process failed.
    """
    generations, routes, series = (3, 10, 100) if quick else (200, 100, 10_000)
    scrapes: dict[str, Scrape] = {}
    for whose in (OURS, PEER):
        tell(f"{generations} generations of workers, {whose}")
        # One that stays: a service that has ended as a whole begins at zero, and there were nothing to read.
        with tempfile.TemporaryDirectory() as folder, _Staying(whose, folder, routes):
            for _ in range(generations):
                _worker(whose, folder, routes, 2 * routes).wait()
            scrapes[whose] = msgspec.json.decode(_said("scraped", whose, folder), type=Scrape)
    tell(f"four workers, {series} series each")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(_Staying(OURS, folder, series))
        lag = msgspec.json.decode(_said("scraped", f"lag {series}", folder), type=Lag)
    return Scraping(generations, scrapes[OURS], scrapes[PEER], lag)


def _worker(whose: str, folder: str, routes: int, requests: int, *, stay: bool = False) -> subprocess.Popen[str]:
    arguments = ("worker", whose, folder, str(routes), str(requests), "stay" if stay else "go")
    return subprocess.Popen(
        command(*arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {SHARED: folder}
    )


class _Staying:
    """A worker that has served its requests, and lives."""

    def __init__(self, whose: str, folder: str, series: int) -> None:
        self._process = _worker(whose, folder, series, series, stay=True)

    def __enter__(self) -> None:
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise Broken("a worker ended early; its words are above")

    def __exit__(self, *_error: object) -> None:
        self._process.communicate()


def _said(*arguments: str) -> bytes:
    done = subprocess.run(
        command(*arguments), stdout=subprocess.PIPE, check=False, env=os.environ | {SHARED: arguments[-1]}
    )
    if done.returncode != 0:
        raise Broken(f"{arguments[0]}: ended with {done.returncode}; its words are above")
    return done.stdout


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


def scraping_lines(found: Scraping) -> list[str]:
    """For a person."""
    ours, peer, lag = found.ours, found.peer, found.lag
    ratio = peer.milliseconds / ours.milliseconds
    return [
        (
            f"A scrape after {found.generations} generations of workers: {ours.milliseconds:.1f} ms, {ours.files}"
            f" files; prometheus_client's MultiProcessCollector {peer.milliseconds:.1f} ms, {peer.files} files"
        ),
        (
            f"target: at least {TARGET} x: {ratio:.1f} x, {'met' if ratio >= TARGET else 'NOT MET'}"
            f" ({part(ours.milliseconds / peer.milliseconds)})"
        ),
        (
            f"Four workers with {lag.series} series each, scraped while requests are served: {lag.page:.0f} ms a"
            f" page; the event loop late by at most {lag.scraped:.1f} ms ({lag.quiet:.1f} ms while nobody scrapes)"
        ),
        f"target: below {MOST_LAG:g} ms: {'met' if lag.scraped < MOST_LAG else 'NOT MET'}",
    ]
