"""What a scrape costs: after many workers have come and gone, and while requests are served."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import msgspec

from .figures import part
from .pages import Lag, Scrape
from .peers import OURS, SHARED
from .processes import Broken, command

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Scraping", "measure_scraping", "scraping_lines"]

PEER: Final = "prometheus_client"
TARGET: Final = 10
MOST_LAG: Final = 20.0


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
