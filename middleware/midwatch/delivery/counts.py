"""What was lost before it reached any channel, and everything that was lost, for who shows it."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    class Counted(Protocol):
        """What is read of a channel."""

        name: str
        sent: int
        dropped: int
        spilled: int | None

        @property
        def pending(self) -> int: ...


__all__ = ["TELL_EVERY", "Figures", "figures", "losses", "lost", "report_losses", "spilled"]

logger = logging.getLogger("midwatch.delivery")

TELL_EVERY: Final = 60.0
"""Seconds between two lines about the same thing."""

losses: Final[dict[str, int]] = {}
"""How many of what were dropped before they reached any channel."""

_told: Final[dict[str, int]] = {}
_told_at = -TELL_EVERY
_lock = RLock()

_credentials: Final = re.compile(r"//[^/]*@")


def lost(what: str, count: int = 1) -> None:
    """Count a loss that no channel sees."""
    with _lock:
        losses[what] = losses.get(what, 0) + count


def report_losses() -> None:
    """Say what was lost, at most once a minute; for workers."""
    global _told_at  # noqa: PLW0603 - one line for all of them
    if not losses or losses == _told or monotonic() - _told_at < TELL_EVERY:
        return
    with _lock:
        _told_at = monotonic()
        new = {what: count - _told.get(what, 0) for what, count in losses.items()}
        _told.update(losses)
    for what, count in new.items():
        if count:
            with contextlib.suppress(Exception):  # A broken log handler does not end the worker.
                logger.warning("%d %s dropped since last told", count, what)


class Figures(NamedTuple):
    """Items of all channels that share a name."""

    pending: int
    sent: int
    dropped: int


def figures(channels: Iterable[Counted]) -> dict[str, Figures]:
    """The figures of *channels* by name, which then holds no credentials."""
    found: dict[str, Figures] = {}
    for channel in channels:
        name = _shown(channel)
        pending, sent, dropped = found.get(name, (0, 0, 0))
        found[name] = Figures(pending + channel.pending, sent + channel.sent, dropped + channel.dropped)
    return dict(sorted(found.items()))


def spilled(channels: Iterable[Counted]) -> dict[str, int]:
    """Bytes that wait on disk for those of *channels* that have a place for that, by name as above."""
    found: dict[str, int] = {}
    for channel in channels:
        if channel.spilled is not None:
            found[_shown(channel)] = found.get(_shown(channel), 0) + channel.spilled
    return dict(sorted(found.items()))


def _shown(channel: Counted) -> str:
    return _credentials.sub("//", channel.name)


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = RLock()
    losses.clear()
    _told.clear()


os.register_at_fork(after_in_child=_after_fork)
