"""Waiting for several events at once, where one that is lost is as bad as all."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .writer import Ack

__all__ = ["together", "unmade"]


def unmade() -> Ack:
    """What stands for an event that could not be made: it fails at once."""
    ack: Ack = Future()
    ack.set_exception(RuntimeError("the event could not be made"))
    return ack


def together(acks: Sequence[Ack]) -> Ack:
    """What is resolved once all of *acks* are, and fails with the first that does; there is at least one."""
    if len(acks) == 1:
        return acks[0]
    whole: Ack = Future()
    left, lock = len(acks), threading.Lock()

    def over(ack: Ack) -> None:
        nonlocal left
        with lock:
            left -= 1
            if whole.done():
                return
            error = ack.exception()
            if error is not None:
                whole.set_exception(error)
            elif not left:
                whole.set_result(ack.result())

    for ack in acks:
        ack.add_done_callback(over)
    return whole
