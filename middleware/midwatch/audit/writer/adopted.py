"""Streams of processes that died, and left events on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import msgspec

from ..columns import columns
from ..stores.store import StreamRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..row import Row
    from ..stores.store import Store

__all__ = ["Adopted"]

CHUNK: Final = 1000

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


@final
class Adopted:
    """
    Notes what was handed on for them, and then where their streams end.

    No event is written into a stream of another process: its end is only registered. For one that has said goodbye it
    is closed, else abandoned: `closed` stays None.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._forget()

    def _forget(self) -> None:
        self._count = self._damaged = 0
        self._known: dict[str, StreamRow] | None = None
        self._opening: dict[str, dict[str, Any]] = {}
        self._last: dict[str, Row] = {}

    @property
    def some(self) -> bool:
        """Whether there is something to finish."""
        return bool(self._count or self._damaged)

    def before(self, rows: Sequence[Row]) -> None:
        """
        The store is about to have *rows*: register streams that their processes could not.

        Raises:
            Exception: whatever the store does; may be called again.
        """
        if self._known is None:
            self._known = {row.stream: row for row in self._store.streams()}
        for row in rows:
            if row.seq == 0:
                self._opening[row.stream] = _body(row)
            if row.stream not in self._known:
                described = self._described(row)
                self._store.register(described)
                self._known[row.stream] = described

    def saw(self, rows: Sequence[Row], damaged: int) -> None:
        """The store has *rows*; others were *damaged*."""
        self._count += len(rows)
        self._damaged += damaged
        self._last.update({row.stream: row for row in rows})

    def finish(self) -> dict[str, Any]:
        """
        Register where the streams end; what `audit.recovered` says.

        Raises:
            Exception: whatever the store does; may be called again.
        """
        known = {row.stream: row for row in self._store.streams()}
        for stream, row in self._last.items():
            # A file that could not be deleted once may be older than the store.
            last = row
            while later := self._store.chain_of(stream, last.seq, CHUNK):
                last = later[-1]
            registered = known.get(stream) or self._described(row)
            if registered.closed is None:
                self._store.register(_ended(registered, last))
        said = {
            "count": self._count,
            "damaged": self._damaged,
            "outcome": "failure" if self._damaged else "success",
            "streams": len(self._last),
        }
        self._forget()
        return said

    def _described(self, row: Row) -> StreamRow:
        """What the events say of a stream that its process could not register."""
        opening = self._opening.get(row.stream, {})
        body = opening or _body(row)
        service, pid, key, time = body.get("service"), opening.get("pid"), opening.get("public_key"), _time(body)
        told = service if isinstance(service, dict) else {}
        return StreamRow(
            row.stream,
            str(told.get("host", "")),
            pid if isinstance(pid, int) else 0,
            str(told.get("name", "")),
            _unhex(key),
            time,
            _time(_body(row)),
        )


def _ended(stream: StreamRow, last: Row) -> StreamRow:
    body = _body(last)
    said_goodbye = body.get("kind") == "system" and body.get("action") == "stream.close"
    closed = _time(body) if said_goodbye else None
    return stream._replace(closed=closed, final_seq=last.seq, final_chain=last.chain)


def _body(row: Row) -> dict[str, Any]:
    try:
        return _decode(row.body)
    except (ValueError, RecursionError):
        return {}


def _time(body: dict[str, Any]) -> int:
    time: int = columns(body)["time"]
    return time


def _unhex(text: object) -> bytes | None:
    try:
        return bytes.fromhex(text) if isinstance(text, str) else None
    except ValueError:
        return None
