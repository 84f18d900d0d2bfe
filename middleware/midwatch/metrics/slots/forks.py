"""Slots are not inherited: a forked child has none until it counts."""

from __future__ import annotations

import os
import weakref
from threading import get_ident
from typing import Final, Protocol

__all__ = ["watch"]


class Forked(Protocol):
    """What wants to know of forks."""

    def before_fork(self) -> bool:
        """Come to an end with what no other process may see half done; whether that was possible."""

    def after_fork(self) -> None:
        """Go on, in the parent, where it was."""

    def forget_parent(self) -> None:
        """Begin anew, in the child."""


_watched: Final[weakref.WeakSet[Forked]] = weakref.WeakSet()
_stopped: Final[dict[int, list[tuple[Forked, bool]]]] = {}
"""By thread: several may fork at once."""


def watch(one: Forked) -> None:
    """Tell *one* of all forks."""
    _watched.add(one)


def _before() -> None:
    _stopped[get_ident()] = [(one, one.before_fork()) for one in list(_watched)]


def _in_parent() -> None:
    for one, ended in _stopped.pop(get_ident(), ()):
        if ended:
            one.after_fork()


def _in_child() -> None:
    stopped = _stopped.get(get_ident(), ())
    _stopped.clear()
    for one, _ in stopped:
        one.forget_parent()


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
