"""Pages in the making: in threads of their own, each once for all who ask meanwhile."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple, final

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..answers import Reply
    from .exposition import Format

__all__ = ["Renders", "Wanted"]

MAX_RENDERS: Final = 8
"""Different pages at a time: two formats, each compressed or not, and some parts."""


class Wanted(NamedTuple):
    """One way to ask for the page."""

    format: Format
    gzip: bool = False
    names: frozenset[str] = frozenset()


@final
class _Render(NamedTuple):
    answer: Future[Reply]
    expires: float


@final
class Renders:
    """
    Renders pages in threads of their own, one at a time for each way to ask; who asks meanwhile gets the same page.

    Args:
        render: Makes the answer; runs in the thread.
        failed: The answer where that raises.
        limit: Seconds after which nobody waits for a render any more.
    """

    def __init__(self, render: Callable[[Wanted], Reply], failed: Reply, limit: float) -> None:
        self._render = render
        self._failed = failed
        self._limit = limit
        self.forget()

    def forget(self) -> None:
        """Start afresh, in a forked child: the threads are the parent's."""
        self._lock = threading.Lock()
        self._running: dict[Wanted, _Render] = {}

    def ask(self, wanted: Wanted) -> tuple[Future[Reply], float]:
        """
        The render under way, or a new one, and the seconds that it has left: none if it hangs.

        Raises:
            RuntimeError: no thread can be started, or too many run.
        """
        with self._lock:
            running = self._running.get(wanted)
            if running is None:
                if len(self._running) >= MAX_RENDERS:
                    raise RuntimeError("too many different pages at a time")
                running = _Render(Future(), monotonic() + self._limit)
                # Those who wait share it: none of them may cancel it.
                running.answer.set_running_or_notify_cancel()
                thread = threading.Thread(
                    target=self._run, args=(wanted, running.answer), name="midwatch-metrics", daemon=True
                )
                thread.start()
                self._running[wanted] = running
        return running.answer, running.expires - monotonic()

    def _run(self, wanted: Wanted, answer: Future[Reply]) -> None:
        reply = self._failed
        try:
            reply = self._render(wanted)
        finally:
            with self._lock:
                self._running.pop(wanted, None)
            answer.set_result(reply)
