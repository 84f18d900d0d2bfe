"""The event loop for async checks where no event loop serves the requests: WSGI, and trio."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import suppress
from typing import Final

__all__ = ["private_loop"]

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_inherited: Final[list[asyncio.AbstractEventLoop]] = []


def private_loop() -> asyncio.AbstractEventLoop:
    """
    The running event loop that all checks of this process share.

    One for good, not one for each run: connection pools are bound to the loop that they were first used on.

    Raises:
        RuntimeError: no thread can be started.
    """
    global _loop  # noqa: PLW0603 - one per process, made when first needed
    with _lock:
        if _loop is None:
            loop = asyncio.new_event_loop()
            try:
                threading.Thread(target=_run, args=(loop,), name="midwatch-health-loop", daemon=True).start()
            except RuntimeError:
                loop.close()
                raise
            _loop = loop
        return _loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Again and again: a check that stops the loop, or exits in one of its callbacks, does not end the others."""
    while not loop.is_closed():
        with suppress(BaseException):
            loop.run_forever()


def _after_fork() -> None:
    global _lock, _loop  # noqa: PLW0603 - the thread that runs the parent's loop does not exist here
    _lock = threading.Lock()
    if _loop is not None:
        # Kept, since closing it here would take the parent's sockets out of the selector that both share.
        _inherited.append(_loop)
        _loop = None


os.register_at_fork(after_in_child=_after_fork)
