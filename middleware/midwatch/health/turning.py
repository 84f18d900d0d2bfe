"""The thread that looks what is due, for as long as somebody else holds what it looks at."""

from __future__ import annotations

import contextlib
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, Protocol, final

from ..plugin import hook_failed

if TYPE_CHECKING:
    import weakref

__all__ = ["Wake", "turn_on"]

AFTER_FAILURE: Final = 1.0
"""Seconds to the next turn after one that broke."""


class Turns(Protocol):
    """What has something to do now and then."""

    def turn(self) -> float:
        """Do it; the seconds until there is something to do again."""
        raise NotImplementedError

    def runs_in(self, wake: Wake) -> bool:
        """Whether the thread that sleeps on *wake* is still the one."""
        raise NotImplementedError


@final
class Wake:
    """What a thread sleeps on. The garbage collector may set it, in the midst of anything: it takes no lock."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[None] = SimpleQueue()

    def set(self, _: object = None) -> None:
        """End the sleep, or the next one."""
        if self._calls.empty():
            self._calls.put(None)

    def wait(self, seconds: float) -> None:
        """Sleep, for so many *seconds* at most."""
        with contextlib.suppress(Empty):
            self._calls.get(timeout=seconds)


def turn_on(reference: weakref.ref[Turns], wake: Wake) -> None:
    """Turn after turn."""
    while True:
        turns = reference()
        if turns is None or not turns.runs_in(wake):
            return
        try:
            pause = turns.turn()
        except Exception:
            hook_failed(turns.turn)
            pause = AFTER_FAILURE
        del turns
        wake.wait(pause)
