"""The destination that tells people."""

from __future__ import annotations

import os
import weakref
from time import monotonic, time
from typing import TYPE_CHECKING, Final, final

from ...notices import Alarm, Policy, Words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ....delivery import Channel
    from ....service import Service
    from ...notices import Notice
    from ...occurrence import Occurrence

__all__ = ["People"]

ROUGHLY: Final = 1024
"""Bytes of a notice, beside its text."""


@final
class People:
    """
    Tells people of what is new, in the thread where it occurs, and of the rest in a digest, from a thread of its own.

    Args:
        channels: One for each way to them.
        service: Named in each notice.
        policy: When they are told.
        clock: Seconds, never going back.
        wall: Seconds since the epoch.

    Attributes:
        alarm: The thread behind digests.
    """

    def __init__(
        self,
        channels: Sequence[Channel[Notice]],
        service: Service,
        policy: Policy | None = None,
        *,
        clock: Callable[[], float] = monotonic,
        wall: Callable[[], float] = time,
    ) -> None:
        self._channels = tuple(channels)
        self._words = Words(service)
        self._policy = policy or Policy()
        self._clock, self._wall = clock, wall
        self.alarm = Alarm(lambda: self._policy.due, self._summarise, clock)
        _all.add(self)

    def take(self, occurrence: Occurrence) -> None:
        """Tell of *occurrence*, or count it."""
        told = self._policy.saw(occurrence.fingerprint, self._clock(), occurrence.time)
        if told is not None:
            # Not under the policy's lock: to make a title is to call what the application wrote.
            self._policy.name(occurrence.fingerprint, occurrence.title)
            if not told.capped:
                self._send(self._words.told(occurrence, told))
        self.alarm.set()

    def close(self, deadline: float) -> None:
        """Tell now what would be told later."""
        self._summarise(closing=True)
        self.alarm.look()

    def _summarise(self, *, closing: bool = False) -> None:
        summary = self._policy.collect(self._clock(), closing=closing)
        if summary is not None:
            self._send(self._words.summary(summary, self._wall()))

    def _send(self, notice: Notice) -> None:
        for channel in self._channels:
            channel.put(notice, ROUGHLY + len(notice.text) + len(notice.fields.get("exception.stacktrace", "")))

    def after_fork(self) -> None:
        """In the child: what is gathered is the parent's to tell."""
        self._policy.after_fork()
        self.alarm.after_fork()


_all: Final[weakref.WeakSet[People]] = weakref.WeakSet()


def _after_fork() -> None:
    for people in _all:
        people.after_fork()


os.register_at_fork(after_in_child=_after_fork)
