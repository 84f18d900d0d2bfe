"""What an audit trail costs those who wait, and those who do not; and how fast it is verified."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import tempfile
from pathlib import Path
from random import Random
from time import perf_counter, thread_time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from midwatch import install
from midwatch.audit.stores import open_store
from midwatch.audit.verify import verify_store

from .acks import AT_ONCE, Acks, body, measure_acks, new_writer
from .apps import starlette_app
from .calls import ASGICaller
from .database import Missing, postgresql
from .figures import Target
from .processes import Broken, command
from .slowdisk import FLUSH, environment
from .stalled import Lag, measure_lag
from .tables import columns, target_lines

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Trail", "main", "measure_trail", "trail_lines"]

SQLITE: Final = "SQLite"
SLOW: Final = f"SQLite, {FLUSH:g} ms a flush"

BATCH: Final = 400
"""Requests between two looks at the clock."""


class Trail(msgspec.Struct):
    """
    Everything of one run.

    Attributes:
        request: Microseconds of CPU, in its own thread, that an async event adds to a request.
        verified: Events that are verified in a second.
    """

    acks: list[Acks]
    request: float
    verified: float
    lag: Lag
    targets: list[Target]
    skipped: dict[str, str]


def measure_trail(tell: Callable[[str], None], *, quick: bool) -> Trail:
    """
    All of it, every store new.

    Raises:
        Broken: a process ended early.
    """
    chance = Random(2026)
    seconds, stalled, events = (0.04, 0.5, 2_000) if quick else (3.0, 30.0, 200_000)
    skipped: dict[str, str] = {}
    folder = Path(tempfile.mkdtemp())
    try:
        acks = measure_acks(new_in(folder), SQLITE, seconds, chance, tell)
        try:
            with postgresql() as new_database:
                acks += measure_acks(new_database, "PostgreSQL", seconds, chance, tell)
        except Missing as missing:
            skipped["PostgreSQL"] = str(missing)
        slow = environment(folder)
        if slow is None:
            skipped[SLOW] = "there is no C compiler"
        else:
            acks += _elsewhere(seconds, slow, tell)
        tell("CPU of an async event on the path of its request")
        request = _request_cpu(folder, 4 if quick else 40)
        tell(f"verification of {events} events")
        verified = _verified(folder, events, chance)
        tell(f"an event loop whose store is stalled for {stalled:g} s")
        lag = measure_lag(stalled, chance)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Trail(acks, request, verified, lag, _targets(acks, request, verified, lag), skipped)


def new_in(folder: Path) -> Callable[[], str]:
    """What names a new SQLite file in *folder* each time."""
    numbers = itertools.count()
    return lambda: f"sqlite:///{folder}/{next(numbers)}.db"


def _elsewhere(seconds: float, environ: dict[str, str], tell: Callable[[str], None]) -> list[Acks]:
    tell(f"audit events in {SLOW}")
    done = subprocess.run(command("acks", str(seconds)), stdout=subprocess.PIPE, env=environ, check=False)
    if done.returncode:
        raise Broken(f"acks: ended with {done.returncode}; its words are above")
    return msgspec.json.decode(done.stdout, type=list[Acks])


def main(seconds: float) -> int:
    """Measure SQLite in this process, whose disk is slow; print the figures."""
    folder = Path(tempfile.mkdtemp())
    try:
        chance = Random(2026)
        found = measure_acks(new_in(folder), SLOW, seconds, chance, lambda _line: None)
        print(msgspec.json.encode(found).decode())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _request_cpu(folder: Path, rounds: int) -> float:
    """The difference that an event makes, best of interleaved rounds; writing it is the work of other threads."""
    off: dict[str, Any] = dict.fromkeys(("trace", "log", "errors", "metrics", "health"), False)
    audit = {"store": f"sqlite:///{folder}/request.db", "queue": 1_000_000, "queue_bytes": 1 << 30, "anchors": []}
    rules = {"skipped": [{"skip": True}], "async": [{"mode": "async"}]}
    apps = {name: install(starlette_app(), {**off, "audit": {**audit, "rules": each}}) for name, each in rules.items()}
    caller = ASGICaller()
    best = dict.fromkeys(apps, float("inf"))
    for _ in range(rounds):
        for name, app in apps.items():
            begun = thread_time()
            caller.time(app, BATCH)
            best[name] = min(best[name], (thread_time() - begun) / BATCH)
    for app in apps.values():
        caller.stop(app)  # What it writes later would go to a folder that is no more.
    return (best["async"] - best["skipped"]) * 1e6


def _verified(folder: Path, events: int, chance: Random) -> float:
    url = f"sqlite:///{folder}/verified.db"
    writer = new_writer(url, f"{folder}/spill")
    for number in range(events):
        writer.put(body(chance), None, "async")
        if number % 5_000 == 4_999:
            writer.flush(60)
    if not writer.close(60):
        raise Broken("the events to be verified were not written in a minute")
    store = open_store(url, read_only=True)
    store.open()
    begun = perf_counter()
    found = verify_store(store)
    lasted = perf_counter() - begun
    store.close()
    if found.state == "tampered" or found.events < events:
        raise Broken(f"a trail that nobody touched is {found.state}")
    return found.events / lasted


def _targets(acks: list[Acks], request: float, verified: float, lag: Lag) -> list[Target]:
    targets = []
    rates = {(row.store, row.mode, row.at_once): row.per_second for row in acks}
    most = AT_ONCE[-1]
    for store in dict.fromkeys(row.store for row in acks):
        ratio = rates[store, "durable", most] / rates[store, "one by one", most]
        target = Target(f"durable events, {most} at once, {store}", f"{ratio:.1f} x", "10 x one commit for each")
        target.met = ratio >= 10
        targets.append(target)
    return [
        *targets,
        Target("an async event, on the request's path", f"{request:.1f} us of CPU", "at most 15 us", request <= 15),
        Target("verification", f"{verified:,.0f} events/s", "at least 100,000 events/s", verified >= 100_000),
        Target("event loop, store stalled", f"{lag.p999:.1f} ms late (p99.9)", "below 5 ms", lag.p999 < 5),
    ]


def trail_lines(trail: Trail) -> list[str]:
    """The report, for people."""
    head = ("store", "mode", "at once", "events/s", "p50 ms", "p99 ms")
    cells = [
        (row.store, row.mode, str(row.at_once), f"{row.per_second:.0f}", f"{row.p50:.2f}", f"{row.p99:.2f}")
        for row in trail.acks
    ]
    return [
        "Audit events, and how long each of the requests waits that make them",
        "",
        *columns([head, *cells], 2),
        "",
        _lag_line(trail.lag),
        "",
        *target_lines(trail.targets),
        *(f"not measured: {name}: {reason}" for name, reason in trail.skipped.items()),
    ]


def _lag_line(lag: Lag) -> str:
    return (
        f"Event loop while the store was stalled for {lag.seconds:g} s: timers late by {lag.p50:.2f} ms (p50),"
        f" {lag.p99:.2f} ms (p99), {lag.p999:.2f} ms (p99.9; {lag.idle:.2f} without any trail);"
        f" {lag.events} events acknowledged from disk"
    )
