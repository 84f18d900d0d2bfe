"""The thread that has the store, which may hang for as long as it likes."""

from __future__ import annotations

import contextlib
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, final

from ..stores.store import Collision
from .adopted import Adopted
from .complaint import Complaint
from .item import Lost
from .loop import Loop
from .losses import DAMAGED, TAKEN
from .opening import last_checkpoint
from .standing import Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..row import Row
    from ..stores.store import Store
    from .acks import Acks
    from .batch import Batch
    from .losses import Losses
    from .part import Part
    from .spool import Spool
    from .streams import Streams

__all__ = ["Committer"]

LOOK_EVERY: Final = 60.0
"""Seconds between two looks for what dead processes left: one may end after this one has started."""


@final
class Committer:
    """
    Puts batches into *store*, one at a time, and then what waits on disk: own events first.

    Args:
        time: Nanoseconds since the epoch.
        moved: Called when something has changed for who waits for it.
        note: Records an event about the trail itself.
        spoil: Told of a stream that somebody else writes into.

    Attributes:
        standing: Whether the store works.
        flight: The batch that it has, until the store has it or all of it is on disk.
        ready: Whether the store was opened, or could not be.
        checkpoint: Digest of the last checkpoint that was in the store when it was opened.
        stored: Events that were put into the store.
        quiet: Whether the stream is about to end: nothing is begun that would have to be recorded.
        stored_at: When the store last took something, by the monotonic clock.
    """

    def __init__(
        self,
        store: Store,
        spool: Spool | None,
        acks: Acks,
        losses: Losses,
        streams: Streams,
        *,
        time: Callable[[], int],
        moved: Callable[[], object],
        note: Callable[[str, dict[str, Any]], object],
        spoil: Callable[[str], object],
    ) -> None:
        self._store, self._spool, self._acks, self._losses, self._streams = store, spool, acks, losses, streams
        self._time, self._moved, self._note, self._spoil = time, moved, note, spoil
        self._adopted = Adopted(store)
        self._opened, self._flew, self._look_at = False, False, 0.0
        self.standing = Standing()
        self._alarm = Complaint("somebody else writes into a stream of this process")
        self.flight: Batch | None = None
        self.ready = False
        self.checkpoint: bytes | None = None
        self.stored = 0
        self.quiet = False
        self.stored_at: float | None = None
        self.loop = Loop("midwatch-audit-store", self.turn, self._close)

    def hand(self, batch: Batch) -> None:
        """Have *batch* put into the store; only when there is none in flight."""
        self.flight = batch
        self.loop.ring()

    def turn(self) -> float | None:
        """Do one thing; in how many seconds there is another."""
        pause = self.standing.pause()
        if pause:
            return None if self._may_end() else pause
        try:
            with self.standing.asked():
                more = self._step()
        except Exception as error:
            if self.standing.failed(error):
                self._opened = False
            self.ready = True
            self._moved()
            return 0.0
        if more:
            return 0.0
        if self._may_end():
            return None
        beat = self._streams.next_beat()
        return beat if self._spool is None else min(beat, max(0.0, self._look_at - monotonic()))

    @property
    def _ends(self) -> bool:
        return self.quiet or self.loop.ending

    def _may_end(self) -> bool:
        """Whether all that it has survives without it."""
        flight = self.flight
        return self.loop.ending and (flight is None or flight.spilled)

    def _step(self) -> bool:
        """Do one thing; whether there may be more to do at once."""
        if not self._opened:
            return self._open()
        spool, flight = self._spool, self.flight
        if flight is not None and flight.spilled:
            flight = self.flight = None
        part = None if spool is None else spool.first()
        if part is not None and not part.own and self._ends:
            part = None  # For the next process: there would be nobody to record it.
        if flight is not None and (part is None or not self._flew):
            self._commit(flight)
        elif spool is not None and part is not None:
            self._hand_on(spool, part)
        else:
            return self._rest(spool)
        # By turns: what dead processes left must not wait until there is nothing else to do.
        self._flew = flight is not None and not self._flew
        return True

    def _rest(self, spool: Spool | None) -> bool:
        if self._adopted.some and not self._ends:
            self._note("audit.recovered", self._adopted.finish())
            self.standing.worked()
        if not self._streams.next_beat():
            self._streams.beat()
            self.standing.worked()
        if spool is None or self._ends or monotonic() < self._look_at:
            return False
        return self._look(spool)

    def _open(self) -> bool:
        if self._spool is not None:
            with contextlib.suppress(OSError):  # Whoever writes there says so.
                self._spool.keep_ballast()
        self._store.open()
        self.checkpoint = last_checkpoint(self._store)
        self._opened = self.ready = True
        if self.flight is None and not (self._spool is not None and self._spool.busy):
            self.standing.worked()  # Else that is seen once it takes them.
        self._moved()
        return True

    def _look(self, spool: Spool) -> bool:
        self._look_at = monotonic() + LOOK_EVERY
        with contextlib.suppress(OSError):
            spool.keep_ballast()
            return spool.adopt()
        return False

    def _commit(self, batch: Batch) -> None:
        rows = batch.rows
        self._streams.before(rows)
        self._append(rows, batch.before)
        # Before they are acknowledged: then, the process may end.
        self._streams.after(rows)
        self._arrived(len(rows))
        # In this order: to the other thread a batch that is nobody's is to be written to the disk.
        self._acks.in_store(batch.last)
        self.flight = None
        self._moved()

    def _hand_on(self, spool: Spool, part: Part) -> None:
        rows, damaged = part.rows()
        last = part.last
        if last is None:
            self._adopted.before(rows)
        else:
            self._streams.before(rows)
        self._append(rows, None if last is None else last - len(rows))
        self._arrived(len(rows))
        if last is None:
            self._adopted.saw(rows, damaged)
            spool.done(part)
            return
        self._streams.after(rows)
        if damaged:
            self._losses.add("unknown", DAMAGED, self._time(), damaged)
            self._acks.refuse(Lost(DAMAGED))
        spool.done(part)
        self._acks.in_store(last)
        self._moved()

    def _append(self, rows: Sequence[Row], before: int | None) -> None:
        if not rows:
            return
        try:
            self._store.append(rows)
            return
        except Collision:
            pass
        for place, row in enumerate(rows, 1):
            try:
                self._store.append([row])
            except Collision as error:
                self._alarm.about(error)
                self._losses.add("unknown", TAKEN, self._time())
                self._spoil(row.stream)
                if before is not None:
                    self._acks.lost(before + place, Lost(TAKEN))

    def _arrived(self, count: int) -> None:
        self.stored += count
        self.stored_at = monotonic()
        self.standing.worked()

    def _close(self) -> None:
        opened, self._opened = self._opened, False
        if opened:
            self._store.close()
