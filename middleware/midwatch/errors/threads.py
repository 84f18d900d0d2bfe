"""Exceptions that end a thread: `threading.excepthook`, which there is one of in a process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, final

from ..plugin import hook_failed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ThreadErrors"]

OURS: Final = "midwatch-"
"""How the names of our threads begin: to report that a delivery failed would need that delivery."""


@final
class ThreadErrors:
    """
    Hears of every exception that ends a thread, and then lets the hook that was there before have it.

    `SystemExit` ends a thread on purpose, and cancellations and kills of greenlets are no `Exception` either.

    Args:
        tell: Called with the exception, in its thread.
    """

    def __init__(self, tell: Callable[[Exception], object]) -> None:
        self._tell = tell
        self._before: Callable[[threading.ExceptHookArgs], object] | None = None
        self._hook = self._heard  # Every access makes another bound method, and it has to be found again.
        self._listening = False

    def start(self) -> None:
        """Listen."""
        self._listening = True
        if self._before is None:
            self._before = threading.excepthook
            threading.excepthook = self._hook

    def stop(self) -> None:
        """Put the hook back that was there; where another one came later and calls ours, be silent."""
        self._listening = False
        if self._before is not None and threading.excepthook is self._hook:
            threading.excepthook = self._before
            self._before = None

    def _heard(self, args: threading.ExceptHookArgs) -> None:
        error, thread = args.exc_value, args.thread
        ours = thread is not None and thread.name.startswith(OURS)
        if self._listening and isinstance(error, Exception) and not ours:
            try:
                self._tell(error)
            except Exception:
                hook_failed(self._tell)
        if self._before is not None:
            self._before(args)
