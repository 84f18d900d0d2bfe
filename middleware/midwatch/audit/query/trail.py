"""A trail that is asked: who did what, how much happened, and what is worth a look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self, final

from ..columns import COLUMNS
from ..stores import Filter, open_store
from ..stores.file import FileStore
from .asking import conditions
from .counting import count
from .finding import Thresholds
from .judging import judge
from .scratch import Scratch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from ..stores import Page, Store
    from .asking import Source
    from .finding import Finding
    from .stats import Stats

__all__ = ["Trail", "open_trail"]

PAGE: Final = 1000

EVERYTHING: Final = Filter()

DEFAULTS: Final = Thresholds()


def open_trail(url: str) -> Trail:
    """
    The trail in the store that *url* names, for reading only.

    Raises:
        ValueError: as `midwatch.audit.stores.check_store`.
        StoreError: it cannot be opened.
    """
    store = open_store(url, read_only=True)
    try:
        store.open()
    except BaseException:
        store.close()
        raise
    return Trail(store)


@final
class Trail:
    """
    The events of *store*, which is open. Close it, or use it in a `with` statement.

    Memory stays the same whatever the number of events. A store in a file is copied into a temporary file first, and
    as it is now: for a question about figures, or for all of its events.

    All methods raise `StoreError` if there is no answer.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._copy: Scratch | None = None

    def timeline(self, wanted: Filter, *, limit: int = 100, after: tuple[int, str, int] | None = None) -> Page:
        """The events of an actor, a resource, a trace or an address, by time; `Page.after` asks for the next ones."""
        return self.store.find(wanted, limit, after)

    def events(self, wanted: Filter = EVERYTHING) -> Iterator[dict[str, Any]]:
        """All events that are wanted, by time: their columns, `stream`, `seq`, and the bytes `body` and `detail`."""
        if isinstance(self.store, FileStore):
            yield from self._copied(wanted)
            return
        page = self.store.find(wanted, PAGE)
        yield from page.rows
        while page.after is not None:
            page = self.store.find(wanted, PAGE, page.after)
            yield from page.rows

    def stats(self, wanted: Filter = EVERYTHING, *, top: int = 20) -> Stats:
        """How much happened; of actors, actions, resources and addresses, the *top* most frequent ones."""
        return count(self._source(), wanted, top=top)

    def findings(self, wanted: Filter = EVERYTHING, *, thresholds: Thresholds = DEFAULTS) -> list[Finding]:
        """
        What is worth a look, the worst first.

        `wanted.since` says from when on it is told; habits are learnt from what was before, too.
        """
        return judge(self._source(), wanted, thresholds)

    def close(self) -> None:
        """Let go of the store, and of the copy if there is one."""
        if self._copy is not None:
            self._copy.close()
            self._copy = None
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def _source(self) -> Source:
        if isinstance(self.store, FileStore):
            if self._copy is None:
                self._copy = Scratch(self.store.scan(EVERYTHING))
            return self._copy
        from .sql import Database  # noqa: PLC0415 - a file needs no SQLAlchemy

        # Every other store is one in tables.
        return Database(self.store)  # type: ignore[arg-type]

    def _copied(self, wanted: Filter) -> Iterator[dict[str, Any]]:
        where, values = conditions(wanted)
        names = ("stream", "seq", *COLUMNS, "body", "detail")
        sql = f"SELECT {', '.join(names)} FROM audit_event{where} ORDER BY time, stream, seq"  # noqa: S608 - no data
        for row in self._source().each(sql, values):
            yield dict(zip(names, row, strict=True))
