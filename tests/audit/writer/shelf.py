"""A store that does what a test tells it, for what real ones do not do on demand: fail, and hang."""

from __future__ import annotations

import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midwatch.audit.chain import START, leaf, link
from midwatch.audit.entry import Entry
from midwatch.audit.event import event, service_part
from midwatch.audit.stores import Store, open_store
from midwatch.audit.stores.store import Checkpoint, Collision, Filter, Page, StoreError, StreamRow
from midwatch.service import Service

if TYPE_CHECKING:
    from midwatch.audit.row import Row
    from midwatch.audit.writer import Writer

SERVICE = service_part(Service("orders", "1.4.2", "production"), "host")

HERE = Path(__file__).parent

LONG = 20.0
"""Seconds after which a test hangs."""


class Shelf:
    """Events in memory; every call may be made to wait, or to fail."""

    name = "shelf"

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.rows: dict[tuple[str, int], Row] = {}
        self.batches: list[list[Row]] = []
        self.known: dict[str, StreamRow] = {}
        self.checked: list[Checkpoint] = []
        self.error: Exception | None = None
        self.asked = self.opened = self.closed = self.sought = 0
        self._gate = threading.Event()
        self._gate.set()

    # What a test does.

    def hang(self) -> None:
        self._gate.clear()

    def go_on(self) -> None:
        self._gate.set()

    def fail(self, error: Exception | None) -> None:
        self.error = error

    def wait(self, happened: Callable[[], object]) -> None:
        """Until *happened*, which is looked at after each call of the store."""
        with self.changed:
            assert self.changed.wait_for(happened, LONG)

    def bodies(self) -> list[dict[str, Any]]:
        return bodies(self.rows.values())

    # What a writer does.

    def _did(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def _ask(self) -> None:
        with self.changed:
            self.asked += 1
            self.changed.notify_all()
        assert self._gate.wait(LONG)
        if self.error is not None:
            raise self.error

    def open(self) -> None:
        self._ask()
        self.opened += 1

    def append(self, rows: Sequence[Row]) -> None:
        self._ask()
        for row in rows:
            if self.rows.get((row.stream, row.seq), row).chain != row.chain:
                raise Collision("shelf: another event")
        self.batches.append(list(rows))
        for row in rows:
            self.rows.setdefault((row.stream, row.seq), row)
        self._did()

    def register(self, stream: StreamRow) -> None:
        self._ask()
        self.known[stream.stream] = stream
        self._did()

    def streams(self) -> list[StreamRow]:
        return list(self.known.values())

    def chain_of(self, stream: str, after: int, limit: int) -> list[Row]:
        found = sorted((row for row in self.rows.values() if row.stream == stream and row.seq > after), key=_seq)
        return found[:limit]

    def kept(self, stream: str, after: int, limit: int) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.chain_of(stream, after, limit)]

    def names(self) -> Iterator[str]:
        return iter(sorted({stream for stream, _ in self.rows}))

    def head(self, stream: str) -> tuple[int, bytes] | None:
        found = self.chain_of(stream, -1, len(self.rows))
        return (found[-1].seq, found[-1].chain) if found else None

    def add_checkpoint(self, checkpoint: Checkpoint) -> bool:
        self.checked.append(checkpoint)
        return True

    def checkpoints(self, after: int, limit: int) -> list[Checkpoint]:
        self.sought += 1
        return [one for one in self.checked if one.n > after][:limit]

    def leading(self) -> bool:
        return True

    def find(self, wanted: Filter, limit: int, after: tuple[int, str, int] | None = None) -> Page:
        raise NotImplementedError

    def prune(self, stream: str, upto: int, chain: bytes) -> int:
        raise NotImplementedError

    def erase(self, ids: Iterable[str]) -> int:
        raise NotImplementedError

    def columns_of(self, stream: str, after: int, limit: int) -> Iterator[dict[str, Any]]:
        raise NotImplementedError

    def close(self) -> None:
        self.closed += 1
        self._did()


def _seq(row: Row) -> int:
    return row.seq


def body(action: str = "orders.refund", **said: Any) -> dict[str, Any]:
    """An event as an application records it."""
    now = time.time_ns()
    return {**event("action", now, secrets.randbits(74), SERVICE, entry=Entry(now, action)), **said}


def bodies(rows: Iterable[Row]) -> list[dict[str, Any]]:
    import msgspec

    return [msgspec.json.decode(row.body) for row in rows]


def actions(rows: Iterable[Row]) -> list[str]:
    return [one["action"] for one in bodies(rows)]


def sound(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The streams among *rows*, each of which is whole so far."""
    streams: dict[str, list[Row]] = {}
    for row in sorted(rows, key=_seq):
        streams.setdefault(row.stream, []).append(row)
    for stream, members in streams.items():
        head = START
        for number, row in enumerate(members):
            head = link(head, leaf(row.body))
            (said,) = bodies([row])
            assert (row.seq, row.chain, said["seq"], said["stream"]) == (number, head, number, stream)
    return streams


DOWN = StoreError("shelf: down")


def killed(url: str, folder: Path, count: int, at_once: int = 3, seed: int = 5) -> list[str]:
    """What *count* writers acknowledged before each was killed (see `killing`)."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "writer.killing", url, str(folder)]
    numbers = map(str, (count, at_once, seed))
    done = subprocess.run(
        [*command, *numbers], cwd=HERE.parent, capture_output=True, text=True, timeout=60 + 2 * count, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def restore(writer: Writer, shelf: Shelf) -> None:
    """Have the store back, and in it what waits."""
    shelf.fail(None)
    until = time.monotonic() + LONG
    while not writer.state().strict:
        assert time.monotonic() < until
        time.sleep(0.005)  # The store is told when it worked, and nobody else.
    assert writer.flush(LONG)


def streams_in(url: str) -> list[list[Row]]:
    """The streams in the store at *url*, each whole so far; the longest last."""
    store = open_store(url, read_only=True)
    store.open()
    try:
        found = [row for known in store.streams() for row in _all_of(store, known.stream)]
    finally:
        store.close()
    return sorted(sound(found).values(), key=len)


def _all_of(store: Store, stream: str) -> Iterator[Row]:
    after = -1
    while found := store.chain_of(stream, after, 1000):
        yield from found
        after = found[-1].seq


def check(url: str, folder: Path, acknowledged: list[str]) -> None:
    """Everything that was acknowledged is in the store, once, in chains that are whole."""
    found = [action for rows in streams_in(url) for action in actions(rows) if action[0].isdecimal()]
    assert set(acknowledged) <= set(found)
    assert len(found) == len(set(found))
    assert not [*folder.glob("*.spill")]
