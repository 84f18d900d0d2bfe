"""Long work beside an event loop, which must not feel it."""

from __future__ import annotations

from time import sleep
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["PAUSE", "gently"]

PAUSE: Final = 0.00005
"""Seconds. With none at all the thread would keep the interpreter: others need a moment to wake up."""

T = TypeVar("T")


def gently(items: Iterable[T], turn: int = 256) -> Iterator[T]:
    """
    *items*, with a pause after each *turn* of them, which should be a millisecond's work or less.

    Unasked, Python lets others wait for five times as long, again and again.
    """
    for number, item in enumerate(items, 1):
        yield item
        if number % turn == 0:
            sleep(PAUSE)
