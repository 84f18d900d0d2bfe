"""One place where checkpoints are published, and how that goes."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, final

from ...delivery import Channel
from ..stores.store import Collision
from ..writer.complaint import Complaint

if TYPE_CHECKING:
    from .published import Published

__all__ = ["Anchor", "AnchorState", "Conflict", "Place"]

GIVE_UP: Final = 600.0
"""Seconds after which a place that fails is offered newer checkpoints instead."""

MOST: Final = 128
"""Checkpoints that wait."""


class Conflict(Collision):
    """The place has another checkpoint of this number: the store was set back, or somebody made one."""


class AnchorState(NamedTuple):
    """
    One look at an anchor.

    Attributes:
        name: As it may be shown.
        n: The last checkpoint that it has.
        age: Seconds since it took one; None if it never did.
        waiting: Checkpoints that it does not have yet.
        failures: How often it did not take one.
        dropped: Checkpoints that were given up.
        conflicts: How often it had another checkpoint of the same number.
        failing: Whether the last attempt failed.
    """

    name: str
    n: int | None
    age: float | None
    waiting: int
    failures: int
    dropped: int
    conflicts: int
    failing: bool


class Place(Protocol):
    """Where one checkpoint can be put; used by one thread."""

    def publish(self, published: Published) -> None:
        """
        Put it there.

        Raises:
            Conflict: there is another one.
            Exception: not this time.
        """

    def forget(self) -> None:
        """Start afresh, in a forked child."""


@final
class Anchor:
    """
    A place with a queue and a thread of its own: one that hangs holds up nobody.

    Args:
        name: As it may be shown: without credentials.
        place: Puts one checkpoint there.
    """

    def __init__(self, name: str, place: Place) -> None:
        self.name = name
        self._place = place
        self._reset()
        self._channel: Channel[Published] = Channel(
            f"audit anchor {name}", self._deliver, max_items=MOST, give_up=GIVE_UP, apart=True, keeper=_Fresh(self)
        )

    def _reset(self) -> None:
        self._n: int | None = None
        self._at: float | None = None
        self._failures, self._failing = 0, False
        self._alarm = Complaint("a checkpoint was published that is not the one of the store")

    def put(self, published: Published) -> None:
        """Have it published soon; never waits."""
        self._channel.put(published, len(published.payload))

    def state(self) -> AnchorState:
        """How it is doing."""
        channel, at = self._channel, self._at
        return AnchorState(
            self.name, self._n, None if at is None else monotonic() - at, channel.pending, self._failures,
            channel.dropped, self._alarm.count, self._failing,
        )  # fmt: skip

    def _deliver(self, batch: list[Published]) -> int:
        conflicts = 0
        for published in batch:
            # After a failure the whole batch comes again.
            if self._n is not None and published.n <= self._n:
                continue
            try:
                self._place.publish(published)
            except Conflict as conflict:
                conflicts += 1
                self._alarm.about(conflict)
            except BaseException:
                self._failures += 1
                self._failing = True
                raise
            else:
                self._n, self._at = published.n, monotonic()
            self._failing = False
        return conflicts

    def forget(self) -> None:
        """Start afresh, in a forked child: what waits is the parent's."""
        self._reset()
        self._place.forget()


@final
class _Fresh:
    """Lets a channel tell its anchor of a fork."""

    def __init__(self, anchor: Anchor) -> None:
        self.forget = anchor.forget

    def unsettled(self) -> int:
        return 0

    def settle(self, *, hurry: bool) -> bool:
        return False

    def give_up(self) -> list[Published]:
        return []
