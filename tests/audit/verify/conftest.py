"""A trail of two processes with checkpoints that were published, and somebody who has the store in their hands."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, delete, insert, select

from midwatch.audit.anchors import Published
from midwatch.audit.canonical import canonical
from midwatch.audit.chain import START, leaf, link
from midwatch.audit.checkpoints.heads import moved
from midwatch.audit.checkpoints.history import History
from midwatch.audit.checkpoints.making import checkpoint
from midwatch.audit.columns import COLUMNS, columns_of_body
from midwatch.audit.entry import Entry
from midwatch.audit.event import event
from midwatch.audit.keys import Signer
from midwatch.audit.row import Row
from midwatch.audit.stores import Checkpoint, StreamRow, tables
from midwatch.audit.stores.guards import unguard
from midwatch.audit.stores.lines import checkpoint_line, event_line, parsed, stream_line
from midwatch.audit.verify import Verdict, verify_store
from midwatch.audit.writer.item import Lost

from ..checkpoints.conftest import LONG, SERVICE, SIGNER, Trail

if TYPE_CHECKING:
    from midwatch.audit.writer import Writer

OTHER = Signer(b"\x0a" * 32)
"""A key of somebody else."""

_random = itertools.count(1)


def put(writer: Writer, count: int = 1, detail: bytes | None = None) -> list[str]:
    """Have so many events in the store; their ids."""
    found = []
    for _ in range(count):
        now = time.time_ns()
        body = event("action", now, next(_random) << 62, SERVICE, entry=Entry(now, "order.refund", outcome="success"))
        found.append(body["id"])
        writer.put(body, detail)
    assert writer.flush(LONG)
    return found


@dataclass
class Contents:
    """Everything in a store, to be changed at will."""

    events: list[Row]
    streams: list[StreamRow]
    checkpoints: list[Checkpoint]

    def of(self, stream: str) -> list[Row]:
        return [row for row in self.events if row.stream == stream]

    def replace(self, stream: str, rows: list[Row]) -> None:
        self.events = [row for row in self.events if row.stream != stream] + rows

    def rechain(self, stream: str) -> None:
        """Make all chain values of it anew, as they have to be; its registration too."""
        head, rows = START, []
        for row in self.of(stream):
            head = link(head, leaf(row.body))
            rows.append(row._replace(chain=head))
        self.replace(stream, rows)
        self.streams = [
            known._replace(final_chain=head) if known.stream == stream and known.final_seq is not None else known
            for known in self.streams
        ]

    def recommit(self, log: str, signer: Signer | None) -> None:
        """Make one checkpoint of all that there is, in place of those that were there."""
        heads = {row.stream: row for row in self.events}
        history = History()
        from midwatch.audit.checkpoints.heads import Moved

        seen = Moved(sorted((row.stream, row.seq, row.chain.hex()) for row in heads.values()), len(self.events), [], [])
        self.checkpoints = [checkpoint(history, seen, log=log, signer=signer, now=time.time_ns())]


def edited(row: Row) -> Row:
    """With other words in its body."""
    assert b"order.refund" in row.body
    return row._replace(body=row.body.replace(b"order.refund", b"order.browse"))


class Hands:
    """Somebody with write access to a store: what it does to prevent mistakes is out of their way."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_file = url.startswith("file:")

    def load(self) -> Contents:
        if self.is_file:
            things = [parsed(line) for line in self._path().read_bytes().splitlines(keepends=True)]
            known = {one.stream: one for one in things if isinstance(one, StreamRow)}
            return Contents(
                [one for one in things if isinstance(one, Row)],
                list(known.values()),
                [one for one in things if isinstance(one, Checkpoint)],
            )
        event_columns = [tables.event.c[name] for name in tables.EVENT_COLUMNS[:6]]
        with self._engine() as connection:
            return Contents(
                [Row(*row) for row in connection.execute(select(*event_columns).order_by(*event_columns[:2]))],
                [StreamRow(*row) for row in connection.execute(select(tables.stream))],
                [Checkpoint(*row) for row in connection.execute(select(tables.checkpoint).order_by("n"))],
            )

    def save(self, contents: Contents) -> None:
        if self.is_file:
            lines = [
                *map(stream_line, contents.streams),
                *map(event_line, contents.events),
                *map(checkpoint_line, contents.checkpoints),
            ]
            self._path().unlink()
            self._path().write_bytes(b"".join(lines))
            return
        with self._engine() as connection:
            unguard(connection)
            for table in (tables.event, tables.stream, tables.checkpoint):
                connection.execute(delete(table))
            names = tables.EVENT_COLUMNS
            values = [dict(zip(names, (*row, *columns_of_body(row.body)), strict=True)) for row in contents.events]
            for table, rows in (
                (tables.event, values),
                (tables.stream, [one._asdict() for one in contents.streams]),
                (tables.checkpoint, [one._asdict() for one in contents.checkpoints]),
            ):
                if rows:
                    connection.execute(insert(table), rows)

    def set_column(self, stream: str, seq: int, name: str, value: Any) -> None:
        assert name in COLUMNS
        with self._engine() as connection:
            unguard(connection)
            mine = (tables.event.c.stream == stream) & (tables.event.c.seq == seq)
            connection.execute(tables.event.update().where(mine).values({name: value}))

    def _path(self) -> Path:
        return Path(self.url.removeprefix("file://"))

    def _engine(self) -> Any:
        from contextlib import contextmanager

        @contextmanager
        def begun() -> Iterator[Any]:
            engine = create_engine(self.url)
            try:
                with engine.begin() as connection:
                    yield connection
            finally:
                engine.dispose()

        return begun()


@dataclass
class Case:
    """
    A trail of two processes: one has ended, one goes on.

    Attributes:
        ended, open: Names of their streams.
        published: Checkpoints elsewhere.
    """

    trail: Trail
    hands: Hands
    writer: Writer
    ended: str = ""
    open: str = ""
    published: list[Published] = field(default_factory=list)
    signer: Signer | None = SIGNER

    def commit(self) -> None:
        """Make a checkpoint, and publish it."""
        history = History()
        history.follow(self.trail.store)
        seen = moved(self.trail.store, self.trail.store.streams(), history)
        made = checkpoint(history, seen, log="orders", signer=self.signer, now=time.time_ns())
        assert self.trail.store.add_checkpoint(made)
        self.published.append(Published.of(made, "orders"))

    def verify(self, *, keyed: bool = True, anchored: bool = True, **options: Any) -> Verdict:
        self.trail.store.open()
        verifiers = [SIGNER.verifier()] if keyed else []
        anchors = self.published if anchored else None
        return verify_store(self.trail.store, verifiers=verifiers, anchors=anchors, **options)


def build(url: str) -> Case:
    """Make it: three checkpoints, and events after the last one."""
    trail = Trail(url)
    first, second = trail.writer(), trail.writer()
    case = Case(trail, Hands(url), second)
    put(first, 3, b'{"ua":"curl"}')
    put(second, 2, b'{"ua":"curl"}')
    case.commit()
    put(first, 3)
    put(second, 2)
    case.commit()
    assert first.close(LONG)
    put(second, 3)
    case.commit()
    streams = {row.stream: row for row in trail.store.streams()}
    (case.ended,) = [name for name, row in streams.items() if row.closed is not None]
    (case.open,) = [name for name, row in streams.items() if row.closed is None]
    return case


@pytest.fixture(params=["sqlite", "file"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    made = build(f"{request.param}:///{tmp_path}/audit".replace("file:////", "file:///"))
    yield made
    put_down(made)


def put_down(made: Case) -> None:
    """The writer that goes on may find that somebody has its place: whatever it says of that is not to the point."""
    logging.disable()
    try:
        with suppress(Lost):
            made.trail.close()
    finally:
        logging.disable(logging.NOTSET)


def body_of(row: Row, **changes: Any) -> bytes:
    import json

    return canonical({**json.loads(row.body), **changes})
