"""
A `Channel` is a bounded queue in front of one destination.

Putting something into it never waits: what does not fit is dropped and counted. A worker takes what has gathered, in
batches, and retries a failed batch with growing pauses inside a time limit.
"""

from __future__ import annotations

import contextlib
import logging
import random
import weakref
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, final

from .counts import TELL_EVERY, report_losses
from .terms import Later, Refused
from .worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .terms import Keeper

__all__ = ["Channel", "channels"]

T = TypeVar("T")

logger = logging.getLogger("midwatch.delivery")

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
LONGEST_ASKED: Final = 60.0
"""Seconds of a pause after a failure: the first, the longest of our own, the longest that a destination may ask for."""

FULL: Final = "the queue is full"


class Channel(Generic[T]):
    """
    A bounded queue in front of one destination.

    Args:
        name: Shown with the counts, at `/metrics` and in health.
        deliver: Sends one batch, in the worker; an exception means that none of it arrived (see `Refused`, `Later`).
            A number that it returns says how many the destination took and threw away.
        max_items, max_bytes: What does not fit is dropped, the newest first.
        batch: Most items handed to *deliver* at once.
        give_up: Seconds after which a batch that cannot be sent is dropped.
        linger: Seconds in which items may gather to a full batch.
        apart: It may be slow, as whatever is behind a network: a worker of its own keeps others from waiting for it.
        keeper: Knows what was handed over and may not have arrived.

    Attributes:
        sent, dropped: Items delivered, and lost for any reason.
    """

    def __init__(
        self,
        name: str,
        deliver: Callable[[list[T]], int | None],
        *,
        max_items: int = 20_000,
        max_bytes: int = 32 << 20,
        batch: int = 512,
        give_up: float = 10.0,
        linger: float = 0.0,
        apart: bool = False,
        keeper: Keeper[T] | None = None,
    ) -> None:
        self.name = name
        self.sent = self.dropped = 0
        self._deliver = deliver
        self._max_items, self._max_bytes = max_items, max_bytes
        self._batch, self._give_up, self._linger = batch, give_up, linger
        self._apart, self._keeper = apart, keeper
        self._gathering: float | None = None
        self._hurried = False
        self._items: deque[T] = deque()
        self._bytes = 0
        self._flight: list[T] = []
        self._failing_since: float | None = None
        self._pause = self._not_before = 0.0
        self._told, self._told_at, self._cause = 0, -TELL_EVERY, FULL
        self.worker = self._hired()
        channels.add(self)

    def _hired(self) -> Worker:
        if not self._apart:
            return _shared
        own = weakref.ref(self)
        return Worker(lambda: [channel] if (channel := own()) is not None else [])

    def put(self, item: T, size: int = 0) -> None:
        """Queue *item* of *size* bytes; never waits."""
        if len(self._items) >= self._max_items or self._bytes + size > self._max_bytes:
            self.dropped += 1
            return
        # Threads may lose each other's addition here; the sum starts afresh whenever the queue is empty.
        self._bytes += size
        self._items.append(item)
        if not self.worker.awake:
            self.worker.wake()

    @property
    def pending(self) -> int:
        """Items queued, being sent, or sent without being sure that they have arrived."""
        unsettled = 0 if self._keeper is None else self._keeper.unsettled()
        return len(self._items) + len(self._flight) + unsettled

    def step(self) -> bool:
        """Send one batch, if there is one and its pause is over; for the worker. False when there was nothing to do."""
        if not self._flight:
            items = self._items
            queued = len(items)
            if self._linger and queued < self._batch and self._gathers(queued):
                return False
            self._gathering = None
            self._flight = [items.popleft() for _ in range(min(queued, self._batch))]
            # Sizes are not kept: what leaves is taken to be of average size.
            self._bytes = self._bytes * (queued - len(self._flight)) // queued if queued else 0
        if monotonic() < self._not_before:
            return False
        try:
            if not self._flight:
                return self._keeper is not None and self._settled(self._keeper)
            refused = self._deliver(self._flight) or 0
        except Refused as error:
            self._landed(len(self._flight))
            self._tell(error)
        except BaseException as error:
            self._failed(error)
            if not isinstance(error, Exception):
                raise
        else:
            self._landed(min(max(0, refused), len(self._flight)))
        return True

    def _settled(self, keeper: Keeper[T]) -> bool:
        """Have *keeper* look after what it was handed; whether that changed anything."""
        if not keeper.unsettled():
            self._hurried = False
            return False
        changed = keeper.settle(hurry=self._hurried)
        self._failing_since, self._pause = None, 0.0
        return changed

    def _given_up(self, keeper: Keeper[T]) -> list[T]:
        """What *keeper* was handed in vain."""
        items = keeper.give_up()
        self.sent -= len(items)
        return items

    def leftovers(self) -> list[T]:
        """Take out what has not been sent, oldest first, for who keeps it elsewhere; between two steps only."""
        unsettled = [] if self._keeper is None else self._given_up(self._keeper)
        items = self._items
        taken = [*unsettled, *self._flight, *(items.popleft() for _ in range(len(items)))]
        self._flight, self._bytes = [], 0
        return taken

    def _gathers(self, queued: int) -> bool:
        """Whether a batch that is not full has time to become so."""
        if not queued:
            self._hurried = False
            return True
        if self._hurried:
            return False
        now = monotonic()
        if self._gathering is None:
            self._gathering = now
        return now - self._gathering < self._linger

    def _landed(self, refused: int) -> None:
        self.sent += len(self._flight) - refused
        self.dropped += refused
        self._flight = []
        self._failing_since, self._pause = None, 0.0
        self._cause = "the destination refuses" if refused else FULL

    def _failed(self, error: BaseException) -> None:
        now = monotonic()
        if self._failing_since is None:
            self._failing_since = now
        if now - self._failing_since >= self._give_up:
            if self._flight:
                self.dropped += len(self._flight)
                self._flight = []
            elif self._keeper is not None:
                self.dropped += len(self._given_up(self._keeper))
            self._failing_since = now
        self._pause = min(max(FIRST_PAUSE, 2 * self._pause), LONGEST_PAUSE)
        pause = self._pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        if isinstance(error, Later):
            pause = max(pause, min(error.seconds, LONGEST_ASKED))
        self._not_before = now + pause
        self._tell(error)

    def _tell(self, why: str | BaseException) -> None:
        if monotonic() - self._told_at >= TELL_EVERY:
            self._told_at = monotonic()
            lost, self._told = self.dropped - self._told, self.dropped
            with contextlib.suppress(Exception):  # Neither a broken log handler nor a hostile error ends the worker.
                why = why if isinstance(why, str) else f"{type(why).__name__}: {why}"
                logger.warning("%s: %d pending, %d dropped since last told, %s", self.name, self.pending, lost, why)

    def report_drops(self) -> None:
        """Say that items were dropped, at most once a minute; for the worker."""
        if self.dropped != self._told:
            self._tell(self._cause if self._failing_since is None else "the destination fails")
        report_losses()

    def hurry(self) -> None:
        """End all pauses: there is a flush to finish."""
        self._not_before = 0.0
        self._hurried = True

    def forget(self) -> None:
        """Start empty, in a forked child."""
        self._items, self._flight, self._bytes = deque(), [], 0
        self._failing_since, self._pause, self._not_before = None, 0.0, 0.0
        self._gathering, self._hurried = None, False
        self.sent = self.dropped = self._told = 0
        if self._keeper is not None:
            self._keeper.forget()
        self.worker = self._hired()


@final
class _Channels(weakref.WeakSet[Channel[Any]]):
    """Every channel of this process; may grow in one thread while another one goes through it."""

    def __iter__(self) -> Iterator[Channel[Any]]:
        references = self.data.copy()  # type: ignore[attr-defined]
        return iter([channel for reference in references if (channel := reference()) is not None])


channels: Final = _Channels()


def _sharing() -> list[Channel[Any]]:
    return [channel for channel in channels if channel.worker is _shared]


_shared = Worker(_sharing)


def after_fork() -> None:
    """Start empty and with new workers: the parent still has the items, and its threads do not exist here."""
    global _shared  # noqa: PLW0603 - the parent's
    _shared = Worker(_sharing)
    for channel in channels:
        channel.forget()
