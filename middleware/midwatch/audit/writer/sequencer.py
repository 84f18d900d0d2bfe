"""The thread that numbers events, and decides where they go: into the store, or onto the disk."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final, final

from .acks import fail
from .complaint import Complaint
from .item import Lost, Rank
from .loop import Loop, Wants
from .losses import DAMAGED, SPILL_FULL, UNREADABLE
from .opening import gap

if TYPE_CHECKING:
    from collections.abc import Callable

    from .acks import Acks
    from .batch import Batch
    from .committer import Committer
    from .intake import Intake
    from .item import Item
    from .losses import Losses
    from .numbering import Numbering
    from .spool import Spool

__all__ = ["LINGER", "Sequencer"]

LINGER: Final = 0.02
"""Seconds in which events that nobody waits for gather: to call a thread for each of them costs requests more than all
the rest. It is also what a process that is killed loses of them."""

NEAR: Final = 512 << 10
"""Bytes on disk that the store may catch up with before the next event is due; newer ones wait for it so long."""

PAUSE: Final = 1.0
"""Seconds until a disk that refused is tried again."""

GAPS: Final = 4096
"""Bytes that records of losses take, at most: there are as many as ranks and reasons."""

FAILING: Final = "the store does not take events"


@final
class Sequencer:
    """
    Takes whatever has gathered while the last batch was on its way.

    Numbered is only what can be kept: there are at most one batch in flight, or one that neither store nor disk takes.

    Args:
        time: Nanoseconds since the epoch.
        deadline: Seconds within which an event that somebody waits for is durable, as far as that is up to us.
        since: Seconds that the items' own deadline is after they were put, where nobody waits.
    """

    def __init__(
        self,
        intake: Intake,
        numbering: Numbering,
        committer: Committer,
        spool: Spool | None,
        acks: Acks,
        losses: Losses,
        *,
        time: Callable[[], int],
        deadline: float,
        since: float,
    ) -> None:
        self._intake, self._numbering, self._committer, self._spool = intake, numbering, committer, spool
        self._acks, self._losses = acks, losses
        self._time, self._deadline, self._since = time, deadline, since
        self._batch: Batch | None = None
        self._broken_until = 0.0
        self.complaint = Complaint("the spill cannot be written")
        self.spilled = 0
        self.loop = Loop("midwatch-audit", self.turn, lambda: None)

    @property
    def open(self) -> bool:
        """Whether there is a stream, or will be."""
        return self._numbering.open or len(self._intake) > 0

    def turn(self) -> float | None:
        """Do what can be done now; in how many seconds there is more."""
        if self._committer.standing.failing:
            for ack in self._intake.insisting():  # They may be there for long, where there is no disk.
                fail(ack, Lost(FAILING))
        while True:
            now = monotonic()
            if self._committer.standing.failing:
                self._acks.refuse(Lost(FAILING))
            batch = self._batch
            if batch is not None and not self._settled(batch, now):
                self.loop.wants = Wants.NONE
                healthy = self._committer.flight is batch and not self._committer.standing.failing
                return min(self._deadline, max(0.001, batch.due - now)) if healthy else self._deadline
            pause = self._pause(now)
            if pause != 0.0:
                return pause
            if not self._advance(now):
                self.loop.wants = Wants.NONE
                return self._deadline

    def _settled(self, batch: Batch, now: float) -> bool:
        """Whether all of *batch* is durable; does what it can about it."""
        if batch.last > self._acks.durable:
            in_time = self._committer.flight is batch and not self._committer.standing.failing and now < batch.due
            if in_time or self._spool is None or not self._spill(self._spool, batch, now):
                return False
        self._batch = None
        return True

    def _spill(self, spool: Spool, batch: Batch, now: float) -> bool:
        """Write down what is not durable of *batch*; whether that was possible."""
        if now < self._broken_until:
            return False
        try:
            done = spool.append(batch.rows[batch.safe :], batch.before + batch.safe)
        except OSError as error:
            self.complaint.about(error)
            self._broken_until = now + PAUSE
            if self._committer.flight is None and not spool.busy:
                self._committer.hand(batch)
            return False
        finally:
            if spool.vanished:
                self._losses.add("unknown", DAMAGED, self._time(), spool.vanished)
                spool.vanished = 0
        batch.safe += done
        self.spilled += done
        self._acks.on_disk(batch.before + batch.safe)
        self._committer.loop.ring()
        return batch.spilled

    def _pause(self, now: float) -> float | None:
        """0 if there is something to number, and a place for it; else in how many seconds to look again."""
        due, recordable = self._intake.due, self._losses.due(now)
        if due is None and recordable != 0.0:
            return recordable if recordable is not None or not self._acks.strict else self._deadline
        left = self._deadline if due is None else due - now
        if not self._numbering.open and not self._committer.ready and left > 0:
            # What a stream begins with is in the store.
            self._committer.loop.ring()
            self.loop.wants = Wants.NONE
            return left
        if self._direct(now):
            return self._gathering(now)
        if self._spills(now, left):
            return 0.0
        self.loop.wants = Wants.NONE
        return self._deadline if left <= 0 else min(left, self._deadline)

    def _gathering(self, now: float) -> float:
        first = self._intake.first()
        if first is None or self._intake.urgent:
            return 0.0
        left = first.due - self._since + LINGER - now
        if left <= 0:
            return 0.0
        self.loop.wants = Wants.URGENT
        return left

    def _direct(self, now: float) -> bool:
        """Whether the store can have a batch at once."""
        spool, committer = self._spool, self._committer
        if committer.flight is not None:
            return False
        return spool is None or (not spool.busy and (not committer.standing.failing or now < self._broken_until))

    def _spills(self, now: float, left: float) -> bool:
        """Whether it is time to write to the disk what the store cannot have."""
        spool = self._spool
        if spool is None or now < self._broken_until:
            return False
        return left <= 0 or self._committer.standing.failing or spool.own > NEAR

    def _advance(self, now: float) -> bool:
        """Number what there is; whether anything changed."""
        self._numbering.checkpoint = self._committer.checkpoint
        spool = None if self._direct(now) else self._spool
        batch = self._numbering.batch()
        batch.due = now + self._deadline
        if self._losses.due(now) == 0.0 and (spool is None or spool.admits(Rank.SECURITY, GAPS)):
            self._record_gaps(batch, now)
        moved = self._fill(batch, spool, now)
        if not batch.rows:
            return moved
        self._batch = batch
        if spool is None:
            self._committer.hand(batch)
        return True

    def _fill(self, batch: Batch, spool: Spool | None, now: float) -> bool:
        intake, moved = self._intake, False
        while (item := intake.first()) is not None and batch.takes(item.size):
            admitted = item.mark or spool is None or spool.admits(item.rank, batch.bytes + item.size)
            if not admitted and item.rank is Rank.SECURITY:
                break  # It waits in the queue for as long as that has room.
            intake.take()
            moved = True
            if admitted:
                self._place(batch, item, now)
            else:
                self._lose(item, SPILL_FULL)
        return moved

    def _place(self, batch: Batch, item: Item, now: float) -> None:
        numbering = self._numbering
        if not item.mark:
            try:
                numbering.add(batch, *item.made())
            except Exception:
                self._lose(item, UNREADABLE)
                return
            batch.due = min(batch.due, item.due)
        elif item.ends and numbering.open:
            self._record_gaps(batch, now)
            numbering.end(batch)
        if item.ack is not None:
            self._acks.add(numbering.position, item.ack, strict=item.strict)

    def _record_gaps(self, batch: Batch, now: float) -> None:
        for lost in self._losses.take(now):
            self._numbering.tell(batch, "audit.gap", gap(lost))

    def _lose(self, item: Item, reason: str) -> None:
        self._losses.add(item.rank.name.lower(), reason, self._time())
        if item.ack is not None:
            fail(item.ack, Lost(reason))
