"""What the stores in databases have in common: everything but how to connect, and how events are written."""

from __future__ import annotations

from abc import abstractmethod
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, func, insert, or_, select, tuple_, update

from ..columns import COLUMNS, columns_of_body
from ..row import Row
from . import tables
from .forks import ForkSafe
from .guards import lifted
from .lock import LONG, PATIENCE
from .store import Checkpoint, Collision, Page, StoreError, StreamRow
from .wanted import equalities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection, Executable, Select

    from .store import Filter

__all__ = ["SQLStore"]

CHUNK: Final = 1000
"""Events that one transaction of upkeep removes: others want to write, too."""

LARGEST: Final = 2**63 - 1

CHAIN: Final = (
    "SELECT stream, seq, body, chain, detail, detail_salt FROM audit_event"
    " WHERE stream = {mark} AND seq > {mark} AND seq < 9223372036854775807 ORDER BY seq LIMIT {mark}"
)
"""Without what SQLite takes for larger than any number: text, whose order is another one."""

KEPT: Final = (
    f"SELECT {', '.join(tables.EVENT_COLUMNS)} FROM audit_event"  # noqa: S608 - names of ours
    " WHERE stream = {mark} AND seq > {mark} ORDER BY seq LIMIT {mark}"
)

FIRST: Final = "SELECT min(stream) FROM audit_event"

NEXT: Final = f"{FIRST} WHERE stream > {{mark}}"

_event, _stream = tables.event, tables.stream
_own = (_event.c.stream, _event.c.seq, *(_event.c[name] for name in COLUMNS))


class SQLStore(ForkSafe):
    """
    A store in tables. See `Store` for what its methods promise.

    Args:
        name: As it may be shown.
        clock: Nanoseconds since the epoch, for the records of upkeep.

    Attributes:
        mark: How the driver writes a parameter.
        upsert: The dialect's `insert`, which knows conflicts.
    """

    mark: str
    upsert: Callable[..., Any]

    def __init__(self, name: str, clock: Callable[[], int] = time_ns) -> None:
        self.name = name
        self._clock = clock
        super().__init__()

    @abstractmethod
    def open(self) -> None: ...

    @abstractmethod
    def append(self, rows: Sequence[Row]) -> None: ...

    @abstractmethod
    def leading(self) -> bool: ...

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def _writing(self, patience: float = PATIENCE) -> AbstractContextManager[Connection]:
        """A transaction; it is durable once the context is left."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Connection]:
        """A connection that only reads."""

    @abstractmethod
    def _fetch(self, connection: Connection, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """All rows of a query, by the driver alone: SQLAlchemy's own rows cost more than the query."""

    def register(self, stream: StreamRow) -> None:
        change = self.upsert(_stream).values(stream._asdict())
        new = {name: change.excluded[name] for name in StreamRow._fields[1:]}
        # A writer does not know what was pruned meanwhile.
        for name in ("prune_seq", "prune_chain"):
            new[name] = func.coalesce(new[name], _stream.c[name])
        with self._writing() as connection:
            connection.execute(change.on_conflict_do_update(index_elements=[_stream.c.stream], set_=new))

    def streams(self) -> list[StreamRow]:
        query = select(*(_stream.c[name] for name in StreamRow._fields)).order_by(_stream.c.opened, _stream.c.stream)
        return [StreamRow(*row) for row in self.read(query)]

    def chain_of(self, stream: str, after: int, limit: int) -> list[Row]:
        with self._reading() as connection:
            return list(map(Row._make, self._fetch(connection, CHAIN.format(mark=self.mark), (stream, after, limit))))

    def kept(self, stream: str, after: int, limit: int) -> list[tuple[Any, ...]]:
        with self._reading() as connection:
            return self._fetch(connection, KEPT.format(mark=self.mark), (stream, after, limit))

    def names(self) -> Iterator[str]:
        name: str | None = None
        while True:
            with self._reading() as connection:
                sql, values = (FIRST, ()) if name is None else (NEXT.format(mark=self.mark), (name,))
                ((name,),) = self._fetch(connection, sql, values)
            if name is None:
                return
            yield name

    def head(self, stream: str) -> tuple[int, bytes] | None:
        query = select(_event.c.seq, _event.c.chain).where(_event.c.stream == stream, _event.c.seq < LARGEST)
        query = query.order_by(_event.c.seq.desc())
        found = self.read(query.limit(1))
        return (found[0][0], found[0][1]) if found else None

    def add_checkpoint(self, checkpoint: Checkpoint) -> bool:
        change = self.upsert(tables.checkpoint).values(checkpoint._asdict()).on_conflict_do_nothing()
        with self._writing() as connection:
            return connection.execute(change.returning(tables.checkpoint.c.n)).first() is not None

    def checkpoints(self, after: int, limit: int) -> list[Checkpoint]:
        kept = tables.checkpoint.c
        query = select(*(kept[name] for name in Checkpoint._fields)).where(kept.n > after).order_by(kept.n)
        return [Checkpoint(*row) for row in self.read(query.limit(limit))]

    def find(self, wanted: Filter, limit: int, after: tuple[int, str, int] | None = None) -> Page:
        key = (_event.c.time, _event.c.stream, _event.c.seq)
        query = select(*_own, _event.c.body, _event.c.detail).order_by(*key).limit(limit + 1)
        for name, value in equalities(wanted):
            query = query.where(_event.c[name] == value)
        if wanted.since is not None:
            query = query.where(_event.c.time >= wanted.since)
        if wanted.until is not None:
            query = query.where(_event.c.time < wanted.until)
        if after is not None:
            # The first condition is for the index, which knows the time only.
            query = query.where(_event.c.time >= after[0], tuple_(*key) > tuple_(*after))
        names = ("stream", "seq", *COLUMNS, "body", "detail")
        rows = [dict(zip(names, row, strict=True)) for row in self.read(query)]
        if len(rows) <= limit:
            return Page(rows, None)
        del rows[limit:]
        return Page(rows, (rows[-1]["time"], rows[-1]["stream"], rows[-1]["seq"]) if rows else after)

    def read(self, query: Select[Any]) -> list[tuple[Any, ...]]:
        """All rows of *query*, on the tables in `midwatch.audit.stores.tables`: for counts and groups."""
        with self._reading() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def each(self, query: Executable) -> Iterator[tuple[Any, ...]]:
        """The same, a few rows at a time. The transaction lasts as long: do not wait in between."""
        few = {"yield_per": CHUNK}
        with self._reading() as connection, connection.execute(query, execution_options=few) as rows:
            yield from map(tuple, rows)

    def columns_of(self, stream: str, after: int, limit: int) -> Iterator[dict[str, Any]]:
        query = select(*_own).where(_event.c.stream == stream, _event.c.seq > after).order_by(_event.c.seq)
        names = ("stream", "seq", *COLUMNS)
        return (dict(zip(names, row, strict=True)) for row in self.read(query.limit(limit)))

    def prune(self, stream: str, upto: int, chain: bytes) -> int:
        last = select(_event.c.chain).where(_event.c.stream == stream, _event.c.seq == upto)
        known = select(_stream.c.prune_seq).where(_stream.c.stream == stream)
        ((found,),) = self.read(last) or [(None,)]
        ((pruned,),) = self.read(known) or [(None,)]
        if found is None and pruned is not None and pruned >= upto:
            return 0
        if found != chain:
            raise StoreError(f"{self.name}: event {upto} of stream {stream} is not the one of this chain value")
        total = 0
        while removed := self._prune_chunk(stream, upto):
            total += removed
        return total

    def _prune_chunk(self, stream: str, upto: int) -> int:
        """Remove the oldest events, and say up to where: whoever verifies in between begins there."""
        mine = and_(_event.c.stream == stream, _event.c.seq <= upto)
        with self._writing(LONG) as connection:
            oldest = select(_event.c.seq, _event.c.chain).where(mine).order_by(_event.c.seq).limit(CHUNK)
            rows = connection.execute(oldest).all()
            if not rows:
                return 0
            seq, chain = rows[-1]
            with lifted(connection, "prune"):
                gone = connection.execute(_event.delete().where(_event.c.stream == stream, _event.c.seq <= seq))
            noted = {"stream": stream, "upto": seq, "chain": chain, "count": gone.rowcount, "time": self._clock()}
            connection.execute(insert(tables.prune).values(noted))
            its_row = update(_stream).where(_stream.c.stream == stream)
            connection.execute(its_row.values(prune_seq=seq, prune_chain=chain))
        return gone.rowcount

    def erase(self, ids: Iterable[str]) -> int:
        wanted = sorted({text for text in ids if isinstance(text, str)})
        return sum(self._erase_chunk(wanted[start : start + CHUNK]) for start in range(0, len(wanted), CHUNK))

    def _erase_chunk(self, ids: list[str]) -> int:
        has_some = and_(_event.c.id.in_(ids), or_(_event.c.detail.is_not(None), _event.c.detail_salt.is_not(None)))
        with self._writing(LONG) as connection:
            found = connection.execute(select(_event.c.id).where(has_some)).scalars().all()
            if found:
                with lifted(connection, "erase"):
                    connection.execute(_event.update().where(has_some).values(detail=None, detail_salt=None))
                time = self._clock()
                noted = self.upsert(tables.erasure).on_conflict_do_nothing()
                connection.execute(noted, [{"id": identity, "time": time} for identity in found])
        return len(found)

    def _compare(self, connection: Connection, rows: Sequence[Row]) -> list[Row]:
        """
        Those of *rows* that are not there yet.

        Raises:
            Collision: another event has the place of one of them.
        """
        kept: dict[tuple[str, int], bytes] = {}
        for start in range(0, len(rows), CHUNK):
            places = [(row.stream, row.seq) for row in rows[start : start + CHUNK]]
            query = select(_event.c.stream, _event.c.seq, _event.c.chain)
            query = query.where(tuple_(_event.c.stream, _event.c.seq).in_(places))
            kept.update({(stream, seq): chain for stream, seq, chain in connection.execute(query)})
        for row in rows:
            if kept.get((row.stream, row.seq), row.chain) != row.chain:
                raise Collision(f"{self.name}: stream {row.stream} has another event {row.seq}")
        return [row for row in rows if (row.stream, row.seq) not in kept]

    @staticmethod
    def _values(rows: Iterable[Row]) -> list[tuple[Any, ...]]:
        """Rows as they are written, in the order of `EVENT_COLUMNS`."""
        return [(*row, *columns_of_body(row.body)) for row in rows]
