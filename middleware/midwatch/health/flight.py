"""One run of one check: on a thread, or on an event loop where the check is async."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from typing import TYPE_CHECKING, Any, final

from .loop import private_loop
from .result import Reading, Result, class_name, judge, now

if TYPE_CHECKING:
    from collections.abc import Callable

    from .checks import Loaded

__all__ = ["Flight"]


@final
class Flight:
    """
    One run of one check; nobody waits for it.

    Args:
        name: Of the check.
        check: What to run.
        loop: Where async checks run, so that pools bound to it work; None for a loop of our own.
        clock: Seconds; only differences count.
        landed: Told of the end, in whatever thread it comes. The reading is None for a run that was lost with its event
            loop.

    Attributes:
        since: When it began, on the wall clock.
        given_up: Its time was up before it ended; it has failed, whatever it comes to.
        ended: It was cancelled by us.
        runs_on: The event loop that it was handed to.
    """

    def __init__(
        self,
        name: str,
        check: Loaded,
        loop: asyncio.AbstractEventLoop | None,
        clock: Callable[[], float],
        landed: Callable[[Flight, Reading | None], object],
    ) -> None:
        self._name = name
        self._check = check
        self._loop = loop
        self._clock = clock
        self._landed = landed
        self.started = clock()
        self.since = now()
        self.given_up = self.ended = False
        self.runs_on: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Reading] | None = None
        self._made: Any = None
        self._revoked = False

    @property
    def lost(self) -> bool:
        """Its event loop has closed and will never say how it ended."""
        return self.runs_on is not None and self.runs_on.is_closed()

    @property
    def late(self) -> bool:
        """Its time is up."""
        return self._clock() - self.started >= self._check.timeout

    def start(self) -> None:
        """Run the check; never waits for it."""
        if inspect.iscoroutinefunction(self._check.call):
            self._hand_over(self._check.call)
            return
        thread = threading.Thread(target=self._in_thread, name=f"midwatch-health-{self._name}", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._finish(Result("fail", "no thread left to run in"))

    def revoke(self, loop: asyncio.AbstractEventLoop | None) -> bool:
        """Whether it waits for another event loop than *loop*; then it never begins."""
        self._revoked = self._task is None and self.runs_on is self._loop is not loop and self._loop is not None
        return self._revoked

    def abandon(self) -> None:
        """Leave what was made to be awaited, and is not going to be, without a warning."""
        if self._task is None and inspect.iscoroutine(self._made):
            with contextlib.suppress(Exception):
                self._made.close()

    def cancel(self) -> None:
        """End it early where that can be done: the process ends."""
        self.ended = True
        loop = self.runs_on
        if loop is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _judged(self, value: object) -> Reading:
        return judge(value, self._clock() - self.started)

    def _raised(self, error: BaseException) -> Reading:
        # The class alone: the message of a driver's exception holds hosts, users and passwords.
        return judge(Result("fail", class_name(error)), self._clock() - self.started, error)

    def _finish(self, value: object) -> None:
        self._landed(self, value if isinstance(value, Reading) else self._judged(value))

    def _in_thread(self) -> None:
        try:
            value = self._check.call()
            if inspect.isawaitable(value):
                self._made = value
                self._hand_over(lambda: value)
                return
            reading = self._judged(value)
        except BaseException as error:  # SystemExit too: a check does not end the service
            reading = self._raised(error)
        self._landed(self, reading)

    def _hand_over(self, call: Callable[[], Any]) -> None:
        """Go on in the event loop; in our own where the one that served has closed."""
        loop = self._loop
        try:
            self.runs_on = private_loop() if loop is None or loop.is_closed() else loop
            self.runs_on.call_soon_threadsafe(self._begin, call)
        except RuntimeError:
            self.abandon()
            self._finish(Result("fail", "no event loop left to run in"))

    def _begin(self, call: Callable[[], Any]) -> None:
        if not self._revoked:
            self._task = task = asyncio.get_running_loop().create_task(self._in_loop(call))
            # A loop that is closing has cancelled its tasks by now, and leaves this one behind: `lost` notices.
            with contextlib.suppress(AttributeError):  # A task factory may make others.
                task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
            task.add_done_callback(self._ended)

    async def _in_loop(self, call: Callable[[], Any]) -> Reading:
        limit = asyncio.timeout(self._check.timeout)
        try:
            async with limit:
                value = await call()
            return self._judged(value)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # SystemExit too: it would stop the event loop
            return self._judged(Result("fail", "timeout")) if limit.expired() else self._raised(error)

    def _ended(self, task: asyncio.Task[Reading]) -> None:
        if not task.cancelled():
            self._landed(self, task.result())
        elif task.cancelling():
            self._landed(self, None)  # The event loop closes: that says nothing of what was checked.
        else:
            self._landed(self, self._raised(asyncio.CancelledError()))
