"""Makes checkpoints, now and then, in one process of all those that use a store."""

from __future__ import annotations

import atexit
import os
import weakref
from time import monotonic, time_ns
from typing import TYPE_CHECKING, Any, Final, final

from ..anchors import Published
from ..canonical import Copy
from ..stores.store import StoreError
from ..writer.complaint import Complaint
from ..writer.loop import Loop
from ..writer.standing import Standing
from .heads import moved
from .history import History
from .making import checkpoint
from .silent import Silent, abandoned, said
from .state import CheckpointState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..anchors import Anchor
    from ..keys import Signer
    from ..stores.store import Checkpoint, Store, StreamRow
    from .heads import Moved

__all__ = ["Checkpointer"]

LOOK_EVERY: Final = 5.0
"""Seconds between two looks at most."""

SHARE: Final = 20
"""How many times longer than a look the pause after it is, at least: a store may have seen very many streams."""

CLOSE: Final = 2.0

SUCCESSION: Final = 0.3
"""Seconds in which one that ends sees whether the one that leads does too: the last of all makes a last checkpoint."""

AGAIN: Final = 0.02


@final
class Checkpointer:
    """
    Says in a signed statement now and then how far all streams have come, and has it published.

    In every process there may be one; the one that leads makes them, the others stand ready. There is no thread before
    `start`, and none in a forked child before it is called there. `close` it after the `Writer`, so that the last
    checkpoint has the end of its stream.

    Args:
        store: Of its own: used by its one thread.
        log: Name of the deployment, part of what is signed.
        signer: Without one, checkpoints only show what somebody without access to the anchors changes.
        anchors: Where they are published; each has a thread of its own.
        every: Seconds after which there is one, also when nothing happened.
        events: Events after which there is one earlier.
        abandoned: Seconds without a sign of life after which a stream counts as abandoned.
        clock: Nanoseconds since the epoch.
        note: Records an event about the trail, as `Writer.note` does.
    """

    def __init__(
        self,
        store: Store,
        *,
        log: str,
        signer: Signer | None = None,
        anchors: Sequence[Anchor] = (),
        every: float = 60.0,
        events: int = 10_000,
        abandoned: float = 300.0,
        clock: Callable[[], int] = time_ns,
        note: Callable[[str, dict[str, Any]], object] | None = None,
    ) -> None:
        self._store, self._log, self._signer = store, Copy().text("log", log), signer
        self._anchors, self._clock, self._note = tuple(anchors), clock, note
        self._every, self._events, self._abandoned = every, events, abandoned
        self._look_every = min(LOOK_EVERY, every / 4)
        self._begin()
        _checkpointers.add(self)

    def _begin(self) -> None:
        self._history, self._silent, self._standing = History(), Silent(self._abandoned), Standing()
        self._alarm = Complaint("events are gone that a checkpoint has")
        self._standing.complaint = Complaint("no checkpoint can be made")
        self._shrunk: frozenset[str] = frozenset()
        self._opened = self._leads = False
        self._due_at: float | None = None
        self._made, self._end_at = 0, 0.0
        self._loop = Loop("midwatch-audit-checkpoints", self._turn, self._let_go)

    def start(self) -> None:
        """Begin, if it has not begun in this process; costs next to nothing if it has."""
        if not self._loop.running:
            self._loop.ring()

    def close(self, deadline: float = CLOSE) -> bool:
        """
        Make a last one if this process leads, or nobody does, and end the thread.

        Args:
            deadline: Seconds.

        Returns:
            whether the thread has ended in time. What anchors still have to publish is up to `delivery.flush`.
        """
        self._end_at = monotonic() + min(SUCCESSION, deadline / 2)
        self._loop.end()
        return self._loop.join(deadline)

    def state(self) -> CheckpointState:
        """How it is doing."""
        last = self._history.last
        return CheckpointState(
            leads=self._leads,
            n=None if last is None else last.n,
            age=None if last is None else max(0, self._clock() - last.time) / 1e9,
            every=self._every,
            made=self._made,
            errors=self._standing.complaint.count,
            failing_for=self._standing.failing_for(),
            shrunk=len(self._shrunk),
            anchors=tuple(anchor.state() for anchor in self._anchors),
        )

    def _turn(self) -> float | None:
        ending = self._loop.ending
        pause = self._standing.pause()
        if pause and not ending:
            return pause
        began = monotonic()
        try:
            with self._standing.asked():
                done = self._look(ending=ending)
        except Exception as error:
            if self._standing.failed(error):
                self._opened = False
            self._silent.forget()
            return None if ending else self._standing.pause()
        self._standing.worked()
        if ending:
            return None if done or monotonic() >= self._end_at else AGAIN
        return max(self._look_every, SHARE * (monotonic() - began))

    def _look(self, *, ending: bool) -> bool:
        """See what there is to do, and do it if this process leads; else whether it has been done."""
        if not self._opened:
            self._store.open()
            self._opened = True
        if self._history.follow(self._store) or self._due_at is None:
            self._put_off()
        leads = self._lead()
        if not leads and not ending:
            return True
        streams = self._store.streams()
        seen = moved(self._store, streams, self._history)
        if not leads:
            return not self._news(seen)
        self._warn(seen.shrunk)
        if self._is_due(seen, ending=ending):
            self._make(seen)
        if not ending:
            self._mark(streams)
        return True

    def _put_off(self) -> None:
        """The next one is due when the last one is old enough."""
        last = self._history.last
        age = 0.0 if last is None else (self._clock() - last.time) / 1e9
        self._due_at = monotonic() + self._every - min(max(0.0, age), self._every)

    def _lead(self) -> bool:
        led, self._leads = self._leads, self._store.leading()
        if not self._leads:
            self._silent.forget()
        elif not led and self._history.last is not None:
            # Whoever made it may have been killed before it was published.
            self._publish(self._history.last)
        return self._leads

    def _is_due(self, seen: Moved, *, ending: bool) -> bool:
        if ending:
            return self._news(seen)
        if self._history.last is None and seen.commitments:
            return True
        return seen.events >= self._events or monotonic() >= (self._due_at or 0.0)

    def _news(self, seen: Moved) -> bool:
        """Whether the last one says less. An end may be in the store for a moment before it is registered."""
        return bool(seen.commitments) or seen.open != self._history.open

    def _make(self, seen: Moved) -> None:
        history = self._history
        made = checkpoint(history, seen, log=self._log, signer=self._signer, now=self._clock())
        if not self._store.add_checkpoint(made):
            if not history.follow(self._store):
                raise StoreError(f"{self._store.name}: neither takes checkpoint {made.n} nor has one")
            return
        history.add(made)
        self._made += 1
        self._due_at = monotonic() + self._every
        self._publish(made)

    def _publish(self, checkpoint: Checkpoint) -> None:
        for anchor in self._anchors:
            anchor.put(Published.of(checkpoint, self._log))

    def _warn(self, shrunk: list[str]) -> None:
        if shrunk and not self._shrunk.issuperset(shrunk):
            self._alarm.about(StoreError(f"{self._store.name}: in stream {shrunk[0]}; run `midwatch audit verify`"))
        self._shrunk = frozenset(shrunk)

    def _mark(self, streams: Sequence[StreamRow]) -> None:
        for stream in self._silent.among(streams, monotonic()):
            ended = abandoned(stream, self._store.head(stream.stream))
            if self._note is not None:
                # First: rather said twice than not at all.
                self._note("stream.abandoned", said(ended))
            self._store.register(ended)

    def _let_go(self) -> None:
        self._opened = self._leads = False
        self._due_at = None
        self._silent.forget()
        self._store.close()


_checkpointers: Final[weakref.WeakSet[Checkpointer]] = weakref.WeakSet()


def _after_fork() -> None:
    for checkpointer in list(_checkpointers):
        checkpointer._begin()  # noqa: SLF001 - ours


def _at_exit() -> None:
    until = monotonic() + CLOSE
    for checkpointer in list(_checkpointers):
        checkpointer.close(max(0.1, until - monotonic()))


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
