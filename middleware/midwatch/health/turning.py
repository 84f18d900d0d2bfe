"""The thread that looks what is due, for as long as somebody else holds what it looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from ..plugin import hook_failed

if TYPE_CHECKING:
    import threading
    import weakref

__all__ = ["turn_on", "wake_up"]

AFTER_FAILURE: Final = 1.0
"""Seconds to the next turn after one that broke."""


class Turns(Protocol):
    """What has something to do now and then."""

    def turn(self) -> float:
        """Do it; the seconds until there is something to do again."""
        raise NotImplementedError

    def runs_in(self, wake: threading.Event) -> bool:
        """Whether the thread that sleeps on *wake* is still the one."""
        raise NotImplementedError


def turn_on(reference: weakref.ref[Turns], wake: threading.Event) -> None:
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
        wake.clear()


def wake_up(wake: threading.Event, _: object) -> None:
    """Have it look: what it turned is gone."""
    wake.set()
