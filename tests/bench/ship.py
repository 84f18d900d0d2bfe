"""
What shipping lines costs those who wait: request latencies while the servers that take the lines are restarted.

Beside a service whose lines go to `/dev/null`, in the same run. The servers are gone for a second in every three; what
they do not take waits on disk.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Final

import msgspec

from midwatch import flush, install
from midwatch.delivery import channels, figures

from .apps import starlette_app
from .calls import ASGICaller
from .processes import Broken, command
from .sinks import sinks
from .watched import SINK

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Shipped", "main", "measure_shipping", "shipping_lines"]

AWAY: Final = 1.0
"""Seconds without servers, after twice as many with them."""

BURST: Final = 20
PAUSE: Final = 0.004
"""Requests in a row, and the seconds after them: some thousand requests a second, as a busy worker has."""


class Shipped(msgspec.Struct):
    """
    One way for lines, over all rounds.

    Attributes:
        p50, p99: Microseconds of a request; the best round.
        sent, dropped: Lines of the last round.
    """

    place: str
    p50: float
    p99: float
    sent: int
    dropped: int


def measure_shipping(count: int, rounds: int, tell: Callable[[str], None]) -> list[Shipped]:
    """
    Requests that ship to nowhere, to syslog and to Fluentd, in turns.

    Raises:
        Broken: a process ended early.
    """
    found: dict[str, Shipped] = {}
    for done in range(rounds):
        for place in ("/dev/null", "syslog", "fluentd"):
            tell(f"shipping, round {done + 1} of {rounds}: {count} requests, lines to {place}")
            one = _round(place, count)
            best = found.get(place, one)
            found[place] = Shipped(place, min(best.p50, one.p50), min(best.p99, one.p99), one.sent, one.dropped)
    return list(found.values())


def _round(place: str, count: int) -> Shipped:
    over = threading.Event()
    ports = (0, 0)
    with sinks() as first:
        ports = first
    url = {
        "/dev/null": SINK,
        "syslog": f"syslog+tcp://127.0.0.1:{ports[0]}",
        "fluentd": f"fluentd://127.0.0.1:{ports[1]}",
    }[place]

    def come_and_go() -> None:
        while not over.is_set():
            with sinks(*ports):
                over.wait(AWAY * 2)
            over.wait(AWAY)

    servers = threading.Thread(target=come_and_go)
    servers.start()
    try:
        process = subprocess.run(
            command("ship", url, place, str(count)), stdout=subprocess.PIPE, text=True, check=False, timeout=600
        )
    finally:
        over.set()
        servers.join()
    if process.returncode:
        raise Broken(f"ship: ended with {process.returncode}; its words are above")
    return msgspec.json.decode(process.stdout, type=Shipped)


def main(url: str, place: str, count: int) -> int:
    """Serve *count* requests whose lines go to *url*; print what they took."""
    folder = tempfile.mkdtemp()
    try:
        app = install(starlette_app(), {"log": {"to": [url], "spill": folder, "root": False, "propagate": False}})
        caller = ASGICaller()
        caller.time(app, 500)
        taken: list[float] = []
        for _ in range(count // BURST):
            for _ in range(BURST):
                started = perf_counter()
                caller.time(app, 1)
                taken.append(perf_counter() - started)
            sleep(PAUSE)
        flush(60)
        told = figures(channels)
        row = told.get(url.removeprefix("file://") if place == "/dev/null" else url) or told[url]
        taken.sort()
        p50, p99 = (taken[int(len(taken) * share)] * 1e6 for share in (0.5, 0.99))
        print(msgspec.json.encode(Shipped(place, p50, p99, row.sent, row.dropped)).decode())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.flush()
    os._exit(0)  # Whatever still waits has been counted.


def shipping_lines(found: list[Shipped]) -> list[str]:
    """The report, for people."""
    head = f"Requests while their lines are shipped, servers gone for {AWAY:g} s in every {3 * AWAY:g}"
    rows = [
        f"  lines to {one.place:9}  p50 {one.p50:7.1f} us  p99 {one.p99:7.1f} us"
        f"  {one.sent} sent, {one.dropped} dropped"
        for one in found
    ]
    return [head, "", *rows]
