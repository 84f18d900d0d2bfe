"""What the store is told of this process's streams: that they are there, go on, and have ended."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..row import Row
    from ..stores.store import Store, StreamRow

__all__ = ["Streams"]

BEAT: Final = 10.0
"""Seconds between two signs of life."""


@final
class Streams:
    """
    Own streams. Streams begin and end in one thread, and are registered in that of the store.

    A stream is registered before its first events, so that there are none that nobody knows of. A process that is
    killed in between leaves a stream without events.
    """

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store, self._clock = store, clock
        self._known: dict[str, StreamRow] = {}
        self._registered: set[str] = set()
        self._beat_at = monotonic() + BEAT

    def opened(self, stream: StreamRow) -> None:
        """It is about to have its first event."""
        self._known[stream.stream] = stream

    def ended(self, stream: str, seq: int, chain: bytes, time: int) -> None:
        """Its last event has been numbered."""
        known = self._known.get(stream)
        if known is not None:
            self._known[stream] = known._replace(last_seen=time, closed=time, final_seq=seq, final_chain=chain)

    def gone(self, stream: str) -> None:
        """It is not written to any more, and has no end."""
        self._known.pop(stream, None)

    def before(self, rows: Sequence[Row]) -> None:
        """
        The store is about to have *rows*.

        Raises:
            Exception: whatever the store does; to be called again.
        """
        for stream in _reached(rows):
            known = self._known.get(stream)
            if known is not None and stream not in self._registered:
                self._register(known)
                self._registered.add(stream)

    def after(self, rows: Sequence[Row]) -> None:
        """
        The store has *rows*.

        Raises:
            Exception: whatever the store does; to be called again.
        """
        for stream, seq in _reached(rows).items():
            if self._closed(stream, seq):
                self._store.register(self._known[stream])
                self._known.pop(stream, None)
                self._registered.discard(stream)

    def next_beat(self) -> float:
        """In how many seconds a sign of life is due."""
        return max(0.0, self._beat_at - monotonic())

    def beat(self) -> None:
        """
        Give a sign of life.

        Raises:
            Exception: whatever the store does.
        """
        self._beat_at = monotonic() + BEAT
        self._registered.intersection_update(self._known.copy())
        for stream in self._registered:
            known = self._known.get(stream)
            if known is not None:
                self._register(known)

    def _register(self, known: StreamRow) -> None:
        # Not as closed: its last event is not there yet.
        now = self._clock()
        self._store.register(known._replace(last_seen=now, closed=None, final_seq=None, final_chain=None))

    def _closed(self, stream: str, seq: int) -> bool:
        known = self._known.get(stream)
        return known is not None and known.final_seq is not None and seq >= known.final_seq


def _reached(rows: Sequence[Row]) -> dict[str, int]:
    """The last number of each stream among *rows*."""
    if rows and rows[0].stream == rows[-1].stream:
        return {rows[-1].stream: rows[-1].seq}
    return {row.stream: row.seq for row in rows}
