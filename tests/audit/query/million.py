"""
A trail of a size that services have: real bodies, really chained, in an SQLite store, and something to be found in it.

Run as a script, it prints how long a million events take to be counted and judged, and with how much memory:
`.venv/bin/python tests/audit/query/million.py [EVENTS]`.
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

from midwatch.audit.canonical import canonical
from midwatch.audit.chain import START, leaf, link
from midwatch.audit.query import open_trail
from midwatch.audit.row import Row
from midwatch.audit.stores import Store, StreamRow, open_store

SECOND = 1_000_000_000
DAY = 86_400 * SECOND

END = 1_790_000_000 * SECOND
DAYS = 90

ACTIONS = ("GET /orders/{id}", "POST /orders", "PATCH /orders/{id}", "GET /customers/{id}", "orders.refund")
AGENTS = ("Mozilla/5.0 (X11; Linux) Gecko/20100101 Firefox/140.0", "Mozilla/5.0 Chrome/140.0 Safari/537.36")


def moment(time: int) -> str:
    return datetime.fromtimestamp(time // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time % SECOND // 1000:06}Z"


def event(number: int, time: int, actor: str, **changes: Any) -> dict[str, Any]:
    """One body of version 2, without its place."""
    return {
        "action": "GET /orders/{id}",
        "actor": {"id": actor, "type": "user", "verified": True},
        "http": {"method": "GET", "route": "/orders/{id}", "status": 200},
        "id": f"01997d2c-{number >> 16 & 0xFFFF:04x}-7{number & 0xFFF:03x}-8000-{number:012x}",
        "kind": "request",
        "outcome": "success",
        "resource": [{"id": str(number % 5000), "type": "order"}],
        "service": {"env": "production", "host": "web-1", "name": "orders", "version": "1.4.0"},
        "source": {"ip": "192.0.2.1", "ip_trust": "peer"},
        "time": moment(time),
        "trace_id": f"{number:032x}",
        "v": 2,
    } | changes


def ordinary(count: int, seed: int = 7, actors: int = 500) -> Iterator[dict[str, Any]]:
    """*count* events in the order of time, over 90 days of people who work by day."""
    chance = random.Random(seed)
    for number in range(count):
        time = END - DAYS * DAY + number * DAYS * DAY // count
        actor = min(int(chance.expovariate(8) * actors), actors - 1)
        # Everybody has eleven hours of their own.
        hour = (actor + number % 11) % 24
        time = time // DAY * DAY + hour * 3600 * SECOND + time % (3600 * SECOND)
        chosen = chance.randrange(len(ACTIONS))
        outcome = chance.choices(("success", "denied", "failure"), (94, 4, 2))[0]
        yield event(
            number,
            time,
            f"u-{actor}",
            action=ACTIONS[chosen],
            outcome=outcome,
            source={"ip": f"192.0.2.{actor % 250}", "ip_trust": "peer"},
        )


def attacks(begin: int = 100_000_000) -> Iterator[dict[str, Any]]:
    """Five minutes on the last day in which one address tries everybody, then guesses one, who reads all orders."""
    time, number = END - 7200 * SECOND, begin
    for guess in range(40):
        number += 1
        time += 5 * SECOND
        who, outcome = (f"u-{guess}", "failure") if guess < 30 else ("u-3", "failure")
        outcome = "success" if guess == 39 else outcome
        yield event(number, time, who, kind="auth", action="auth.login", outcome=outcome, source={"ip": "203.0.113.9"})
    for order in range(400):
        number += 1
        time += SECOND
        yield event(number, time, "u-3", resource=[{"type": "order", "id": f"x{order}"}], source={"ip": "203.0.113.9"})


def chained(stream: str, bodies: Iterator[dict[str, Any]]) -> Iterator[Row]:
    """*bodies* as one stream; some have detail."""
    value = START
    for seq, body in enumerate(bodies):
        data = canonical(body | {"seq": seq, "stream": stream})
        value = link(value, leaf(data))
        detail = None
        if not seq % 10:
            detail = canonical({"ua": AGENTS[len(str(body.get("actor"))) % 2]})
        yield Row(stream, seq, data, value, detail, bytes(16) if detail else None)


def fill(store: Store, count: int) -> None:
    """Put *count* ordinary events and the attacks into *store*, which is open."""
    for stream, bodies in ((f"{1:032x}", ordinary(count)), (f"{2:032x}", attacks())):
        store.register(StreamRow(stream, "web-1", 17, "orders", None, END - DAYS * DAY, END))
        rows = chained(stream, bodies)
        while some := list(islice(rows, 10_000)):
            store.append(some)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{Path(directory) / 'audit.db'}"
        store = open_store(url)
        store.open()
        begin = perf_counter()
        fill(store, count)
        store.close()
        print(f"{count} events written in {perf_counter() - begin:.1f} s, {_memory()} MiB at most")
        with open_trail(url) as trail:
            for name, ask in (("stats", trail.stats), ("findings", trail.findings)):
                begin = perf_counter()
                ask()
                print(f"{name}: {perf_counter() - begin:.1f} s, {_memory()} MiB at most")
            begin = perf_counter()
            told = sum(1 for _ in trail.events())
            print(f"all {told} events: {perf_counter() - begin:.1f} s, {_memory()} MiB at most")


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


if __name__ == "__main__":
    main()
