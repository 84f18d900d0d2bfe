"""What people write themselves: each request inserts its row and commits, in a connection of its thread."""

from __future__ import annotations

import json
import sqlite3
import threading
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["one_by_one"]

MOST: Final = 90
"""Connections that a PostgreSQL server takes by default, and some for others."""

COLUMNS: Final = "id TEXT PRIMARY KEY, time TEXT, actor TEXT, action TEXT, outcome TEXT, body TEXT"


def one_by_one(url: str, at_once: int, seconds: float, body: Callable[[], dict[str, Any]]) -> tuple[list[float], float]:
    """Seconds of each of the commits that so many threads made, and how long that lasted; as durable as ours."""
    taken: list[float] = []
    connections = threading.Semaphore(MOST)
    turn = threading.Lock()
    connect, insert = _sqlite(url, turn) if url.startswith("sqlite") else _postgresql(url)
    first = connect()
    first.execute(f"CREATE TABLE one_by_one ({COLUMNS})")
    first.commit()
    first.close()
    started = perf_counter()
    until = started + seconds

    def work() -> None:
        with connections:
            connection = connect()
            while (begun := perf_counter()) < until or not taken:
                event = body()
                insert(
                    connection,
                    (
                        event["id"],
                        event["time"],
                        event["actor"]["id"],
                        event["action"],
                        event["outcome"],
                        json.dumps(event),
                    ),
                )
                taken.append(perf_counter() - begun)
            connection.close()

    running = [threading.Thread(target=work) for _ in range(at_once)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return taken, perf_counter() - started


def _sqlite(url: str, turn: threading.Lock) -> tuple[Callable[[], Any], Callable[[Any, Any], None]]:
    path = url.removeprefix("sqlite:///")

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    def insert(connection: sqlite3.Connection, values: Any) -> None:
        # Without a lock of their own, connections poll for theirs, and are slower still.
        with turn:
            connection.execute("INSERT INTO one_by_one VALUES (?, ?, ?, ?, ?, ?)", values)

    return connect, insert


def _postgresql(url: str) -> tuple[Callable[[], Any], Callable[[Any, Any], None]]:
    import psycopg

    place = url.replace("+psycopg", "")

    def insert(connection: Any, values: Any) -> None:
        connection.execute("INSERT INTO one_by_one VALUES (%s, %s, %s, %s, %s, %s)", values)
        connection.commit()

    return lambda: psycopg.connect(place), insert
