"""
Background workers behind every destination.

One worker serves all that only write lines; what is behind a network has its own, so that a collector which hangs
delays no log line. A forked child starts with empty queues and workers of its own, since the parent has the items.
"""

from __future__ import annotations

import atexit
import os
from multiprocessing import util
from threading import Condition
from time import monotonic
from typing import Final

from . import channel, worker
from .channel import Channel, channels
from .counts import figures, losses, lost, spilled
from .last import tell_undelivered
from .terms import Keeper, Later, Refused

__all__ = [
    "Channel",
    "Keeper",
    "Later",
    "Refused",
    "channels",
    "figures",
    "flush",
    "last_words",
    "losses",
    "lost",
    "spilled",
]

LAST_WORDS: Final = 2.0
"""Seconds that the end of a process may take."""

AGAIN: Final = 0.1


def flush(timeout: float = 5.0) -> bool:
    """
    Deliver what is queued, within *timeout* seconds; False if something is still pending. `atexit` does so too.

    What is pending then is written to disk where there is a place for that, which may take a moment more.
    """
    end = monotonic() + timeout
    pressed = 0.0
    while busy := {waiting.worker for waiting in channel.channels if waiting.busy}:
        left = end - monotonic()
        if left <= 0:
            for waiting in channel.channels:
                waiting.save()
            return False
        with worker.rounds:
            # Not after each round: one that failed would be had again at once.
            if monotonic() - pressed >= AGAIN:
                pressed = monotonic()
                for hand in busy:
                    hand.press()
            worker.rounds.wait(min(left, AGAIN))
    return True


def last_words(timeout: float = LAST_WORDS) -> None:
    """`flush`, for the end of a process: what is left then is told on standard error."""
    if not flush(timeout):
        tell_undelivered(channels)


def _in_child(_: object) -> None:
    """Children of multiprocessing end without `atexit`; this is what they run instead."""
    util.Finalize(None, last_words, exitpriority=0)


def _after_fork() -> None:
    worker.rounds = Condition()
    channel.after_fork()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(last_words)
util.register_after_fork(channels, _in_child)
