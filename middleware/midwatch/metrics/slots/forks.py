"""Slots are not inherited: a forked child has none until it counts."""

from __future__ import annotations

import os
import weakref
from typing import Final, Protocol

__all__ = ["watch"]


class Forked(Protocol):
    """What wants to know of forks."""

    def before_fork(self) -> None:
        """Come to an end with what no other process may see half done."""

    def after_fork(self) -> None:
        """Go on, in the parent."""

    def forget_parent(self) -> None:
        """Begin anew, in the child."""


_watched: Final[weakref.WeakSet[Forked]] = weakref.WeakSet()
_stopped: Final[list[Forked]] = []


def watch(one: Forked) -> None:
    """Tell *one* of all forks."""
    _watched.add(one)


def _before() -> None:
    _stopped.extend(_watched)
    for one in _stopped:
        one.before_fork()


def _in_parent() -> None:
    while _stopped:
        _stopped.pop().after_fork()


def _in_child() -> None:
    while _stopped:
        _stopped.pop().forget_parent()


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
