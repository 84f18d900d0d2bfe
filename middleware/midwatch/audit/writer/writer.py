"""
The group commit.

Nothing waits for a batch to fill: what has gathered while the store took the last one is the next. Whoever waits for an
event waits for the rest of one commit and for another, however many do; and as long as the store keeps up, nothing is
written twice.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import weakref
from concurrent.futures import Future
from time import monotonic, time_ns
from typing import TYPE_CHECKING, Any, Final, final

from ..canonical import canonical
from ..ids import random_bits
from .acks import Acks
from .committer import Committer
from .intake import Intake
from .item import Item, Lost, Rank
from .loop import Wants
from .losses import QUEUE_FULL, UNREADABLE, Losses
from .numbering import Numbering
from .opening import system
from .sequencer import Sequencer
from .spool import Spool
from .state import State
from .streams import Streams

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..draft import Draft
    from ..event import Body
    from ..stores.store import Store
    from .item import Ack, Mode

__all__ = ["Writer"]

UNAWAITED: Final = 4
"""How much later than others an event has to be durable that nobody waits for: a slow commit is no reason to spill."""

PLACE: Final = 256  # Bytes that its place in the chain adds to an event, at most.
CLOSE: Final = 5.0  # Seconds that the end of the process waits for the store.


@final
class Writer:
    """
    Writes the events of this process, in streams of its own, to *store*.

    Threads start with the first event. A forked child has its own stream, queue and threads; what its parent had
    queued is the parent's.

    Args:
        store: Used by one thread of the writer.
        spill: Directory for what the store does not take in time; without one it waits in memory.
        service: From `service_part`.
        public_key: What this process signs with, for the first event of its streams.
        clock: Nanoseconds since the epoch.
        ids: So many random bits, as a number.
        deadline: Seconds that the store has until a durable event is written to disk instead.
        max_items, max_bytes: Of the queue. How much of it an event may use depends on its rank (see `SHARES`).
        spill_bytes: Of the directory, for all processes together.
    """

    def __init__(
        self,
        store: Store,
        *,
        service: Body,
        spill: Path | None = None,
        public_key: bytes | None = None,
        clock: Callable[[], int] = time_ns,
        ids: Callable[[int], int] = random_bits,
        deadline: float = 0.25,
        max_items: int = 20_000,
        max_bytes: int = 32 << 20,
        spill_bytes: int = 256 << 20,
    ) -> None:
        self._store, self._folder, self._spill_bytes = store, spill, spill_bytes
        self._service, self._public_key = service, public_key
        self._clock, self._ids = clock, ids
        self._deadline, self._limits = deadline, (max_items, max_bytes)
        self._begin()
        _writers.add(self)

    def _begin(self) -> None:
        self._intake, self._losses, self._acks = Intake(*self._limits), Losses(), Acks()
        streams = Streams(self._store, self._clock)
        numbering = Numbering(self._service, self._public_key, self._clock, self._ids, streams)
        folder = self._folder
        spool = self._spool = None if folder is None else Spool(folder, self._store.name, self._spill_bytes)
        self._committer = Committer(
            self._store, spool, self._acks, self._losses, streams,
            time=self._clock, moved=lambda: self._loop.ring(), note=self.note, spoil=numbering.spoil,  # noqa: PLW0108
        )  # fmt: skip
        self._sequencer = Sequencer(
            self._intake, numbering, self._committer, spool, self._acks, self._losses,
            time=self._clock, deadline=self._deadline, since=self._deadline * UNAWAITED,
        )  # fmt: skip
        self._loop = self._sequencer.loop

    def put(
        self, body: Body, detail: bytes | None = None, mode: Mode = "durable", rank: Rank = Rank.DURABLE
    ) -> Ack | None:
        """
        Take an event; never waits, and never raises.

        Args:
            body: Without its place in a chain, which is written into it; not to be changed any more.
            detail: Canonical JSON beside the body, which gets its digest.
            mode: Who says that it is durable.
            rank: What is dropped first.

        Returns:
            what is resolved once the event is durable, and fails with `Lost` if it will not be; None for `async`.
        """
        ack: Ack | None = None if mode == "async" else Future()
        try:
            size = PLACE + len(canonical(body)) + (0 if detail is None else len(detail))
        except Exception:
            return self._lose(rank, UNREADABLE, ack)
        due = monotonic() + self._deadline * (UNAWAITED if ack is None else 1)
        return self._take(Item(body, detail, rank, size, due, ack, strict=mode == "strict"))

    def later(self, draft: Draft, rank: Rank) -> None:
        """Take an event that nobody waits for and that is made when it is written; never waits, and never raises."""
        due = monotonic() + self._deadline * UNAWAITED
        self._take(Item(None, None, rank, PLACE + draft.size, due, None, draft=draft))

    def _take(self, item: Item) -> Ack | None:
        if not self._intake.offer(item):
            return self._lose(item.rank, QUEUE_FULL, item.ack)
        if self._loop.wants > (Wants.URGENT if item.ack is None else Wants.NONE):
            self._loop.ring()
        return item.ack

    def _lose(self, rank: Rank, reason: str, ack: Ack | None) -> Ack | None:
        self._losses.add(rank.name.lower(), reason, self._clock())
        if ack is not None:
            ack.set_exception(Lost(reason))
        self._loop.ring()
        return ack

    def note(self, action: str, said: dict[str, Any]) -> None:
        """Record an event about the trail itself; *said* are keys beside those that every event has. Nobody waits."""
        self.put(system(action, self._clock(), self._ids(74), self._service, said), None, "async", Rank.SECURITY)

    def flush(self, deadline: float) -> bool:
        """Have durable what was put until now, in *deadline* seconds, if time allows in the store: whether all is."""
        return self._through(monotonic() + deadline, ends=False)

    def close(self, deadline: float = CLOSE) -> bool:
        """The same, and end the stream and the threads. An event that is put later begins another stream."""
        until = monotonic() + deadline
        self._committer.quiet = True
        durable = self._end(until)
        if self._sequencer.open:
            # Something was recorded just then.
            durable = self._end(until) and durable
        self._committer.quiet = False
        return durable

    def _end(self, until: float) -> bool:
        durable = self._through(until, ends=True)
        for loop in (self._loop, self._committer.loop):
            loop.end()
            loop.join(max(0.0, until - monotonic()))
        return durable

    def _through(self, until: float, *, ends: bool) -> bool:
        durable = False
        # What waits for both may be lost, with the spill directory full or not to be written to.
        with contextlib.suppress(Lost):
            durable = self._mark(until, ends=ends)
        with contextlib.suppress(Lost):
            self._mark(until, strict=True)
        return durable

    def _mark(self, until: float, *, strict: bool = False, ends: bool = False) -> bool:
        """Wait for everything before it; whether that went well."""
        if not self._loop.running and not self._sequencer.open:
            return True
        ack: Ack = Future()
        self._intake.mark(
            Item(None, None, Rank.SECURITY, 0, min(until, monotonic() + self._deadline), ack, strict=strict, ends=ends)
        )
        if not self._loop.ring():
            self._without_threads(ack, until)
        try:
            ack.result(max(0.0, until - monotonic()))
        except TimeoutError:
            return False
        return True

    def _without_threads(self, ack: Ack, until: float) -> None:
        """At the very end of the interpreter no thread can be started."""
        while not ack.done() and monotonic() < until:
            self._sequencer.turn()
            self._committer.turn()

    def state(self) -> State:
        """How it is doing."""
        committer, spool = self._committer, self._spool
        at, failing_for = committer.stored_at, committer.standing.failing_for()
        return State(
            items=len(self._intake),
            bytes=self._intake.bytes,
            spill_bytes=0 if spool is None else spool.bytes,
            dropped=dict(self._losses.dropped),
            stored=committer.stored,
            spilled=self._sequencer.spilled,
            errors=committer.standing.complaint.count,
            spill_errors=self._sequencer.complaint.count,
            last_commit_age=None if at is None else monotonic() - at,
            failing_for=failing_for,
            strict=failing_for is None,
        )

    def _in_child(self) -> None:
        if self._spool is not None:
            self._spool.forget()
        self._begin()


_writers: Final[weakref.WeakSet[Writer]] = weakref.WeakSet()


def _after_fork() -> None:
    for writer in list(_writers):
        writer._in_child()  # noqa: SLF001 - ours


def _at_exit() -> None:
    until = monotonic() + CLOSE
    for writer in list(_writers):
        writer.close(max(0.1, until - monotonic()))


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
