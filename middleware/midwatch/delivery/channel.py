"""
A `Channel` is a bounded queue in front of one destination.

Putting something into it never waits: what does not fit is dropped and counted. A worker takes what has gathered, in
batches, and retries a failed batch with growing pauses inside a time limit.
"""

from __future__ import annotations

import contextlib
import logging
import weakref
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from .counts import TELL_EVERY, report_losses
from .patience import Patience
from .registry import Channels
from .terms import Refused
from .worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from .terms import Keeper

__all__ = ["Channel", "channels"]

T = TypeVar("T")

logger = logging.getLogger("midwatch.delivery")

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
        queued_bytes: Bytes of items queued, roughly.
        spilled: Bytes that wait on disk; None where there is no place for that.
        patience: With the destination, while it fails.
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
        self.spilled: int | None = None
        self._deliver = deliver
        self._max_items, self._max_bytes = max_items, max_bytes
        self.patience = Patience(give_up)
        self._batch, self._linger = batch, linger
        self._apart, self._keeper = apart, keeper
        self._gathering: float | None = None
        self._items: deque[T] = deque()
        self.queued_bytes, self._hurried = 0, False
        self._flight: list[T] = []
        self._told, self._told_at, self._cause = 0, -TELL_EVERY, FULL
        self.worker = self._hired()
        channels.add(self)

    def _hired(self) -> Worker:
        if not self._apart:
            return _shared
        own = weakref.ref(self)
        return Worker(lambda: [channel] if (channel := own()) is not None else [])

    def put(self, item: T, size: int = 0) -> bool:
        """Queue *item* of *size* bytes, or drop it; never waits. Whether it was queued."""
        if len(self._items) >= self._max_items or self.queued_bytes + size > self._max_bytes:
            self.dropped += 1
            return False
        # Threads may lose each other's addition here; the sum starts afresh whenever the queue is empty.
        self.queued_bytes += size
        self._items.append(item)
        if not self.worker.awake:
            self.worker.wake()
        return True

    @property
    def pending(self) -> int:
        """Items queued, being sent, or sent without being sure that they have arrived."""
        return len(self._items) + len(self._flight) + self._unsettled()

    @property
    def busy(self) -> bool:
        """Whether there is something to do, now or later."""
        return self.pending > 0

    @property
    def settled(self) -> int:
        """How many items have arrived or are lost. Read by other threads it may be behind, and is never ahead."""
        return self.sent + self.dropped - self._unsettled()

    def _unsettled(self) -> int:
        return 0 if self._keeper is None else self._keeper.unsettled()

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
            self.queued_bytes = self.queued_bytes * (queued - len(self._flight)) // queued if queued else 0
        if monotonic() < self.patience.until:
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
        if not self.busy:
            self._hurried = False
            return False
        changed = keeper.settle(hurry=self._hurried)
        self.patience.worked()
        return changed

    def _given_up(self) -> list[T]:
        """What the keeper was handed in vain."""
        items = [] if self._keeper is None else self._keeper.give_up()
        self.sent -= len(items)
        return items

    def leftovers(self) -> list[T]:
        """Take out what has not been sent, oldest first, for who keeps it elsewhere; between two steps only."""
        items = self._items
        taken = [*self._given_up(), *self._flight, *(items.popleft() for _ in range(len(items)))]
        self._flight, self.queued_bytes = [], 0
        return taken

    def save(self) -> None:
        """Keep elsewhere what could not be sent in time; here is no such place."""

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
        self._arrived(len(self._flight) - refused)
        self.dropped += refused
        self._flight = []
        self.patience.worked()
        self._cause = "the destination refuses" if refused else FULL

    def _arrived(self, count: int) -> None:
        self.sent += count

    def _failed(self, error: BaseException) -> None:
        if self.patience.failed(monotonic(), error):
            self.dropped += len(self._flight or self._given_up())
            self._flight = []
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
            self._tell("the destination fails" if self.patience.failing else self._cause)
        report_losses()

    def hurry(self) -> None:
        """End all pauses: there is a flush to finish."""
        self.patience.until = 0.0
        self._hurried = True

    def forget(self) -> None:
        """Start empty, in a forked child."""
        self._items, self._flight, self.queued_bytes = deque(), [], 0
        self.patience = self.patience.afresh()
        self._gathering, self._hurried = None, False
        self.sent = self.dropped = self._told = 0
        if self._keeper is not None:
            self._keeper.forget()
        self.worker = self._hired()


channels: Final = Channels()


def _sharing() -> list[Channel[Any]]:
    return [channel for channel in channels if channel.worker is _shared]


_shared = Worker(_sharing)


def after_fork() -> None:
    """Start empty and with new workers: the parent still has the items, and its threads do not exist here."""
    global _shared  # noqa: PLW0603 - the parent's
    _shared = Worker(_sharing)
    for channel in channels:
        channel.forget()
