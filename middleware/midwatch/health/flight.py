"""One run of one check: on a thread, or on an event loop where the check is async."""

from __future__ import annotations

import asyncio
import inspect
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, final

from .loop import private_loop
from .result import Reading, Result, judge, now

if TYPE_CHECKING:
    from collections.abc import Callable

    from .checks import Loaded

__all__ = ["Flight"]


@final
class Flight:
    """
    One run of one check.

    Args:
        name: Of the check.
        check: What to run.
        loop: Where async checks run, so that pools bound to it work; None for a loop of our own.
        clock: Seconds; only differences count.
    """

    def __init__(
        self, name: str, check: Loaded, loop: asyncio.AbstractEventLoop | None, clock: Callable[[], float]
    ) -> None:
        self._name = name
        self._check = check
        self._loop = loop
        self._clock = clock
        self._started = clock()
        self._since = now()
        self._runs_on: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Reading] | None = None
        self._end: Future[Reading] = Future()

    @property
    def over(self) -> bool:
        """The check has ended, or its event loop has, and it can be run again."""
        return self._end.done() or (self._runs_on is not None and self._runs_on.is_closed())

    @property
    def late(self) -> bool:
        """Its time is up."""
        return self._clock() - self._started >= self._check.timeout

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

    def reading(self, *, stuck: bool) -> Reading:
        """
        Wait for what the check says, as long as it may take.

        Args:
            stuck: It was late when it was asked for: a run that nobody waits for any more.
        """
        try:
            return self._end.result(max(0.0, self._started + self._check.timeout - self._clock()))
        except TimeoutError:
            return self._judged(Result("fail", f"still running since {self._since}" if stuck else "timeout"))

    def _judged(self, value: object) -> Reading:
        return judge(value, self._clock() - self._started)

    def _raised(self, error: BaseException) -> Reading:
        # The class alone: the message of a driver's exception holds hosts, users and passwords.
        return judge(Result("fail", type(error).__name__), self._clock() - self._started, error)

    def _finish(self, value: object) -> None:
        self._end.set_result(value if isinstance(value, Reading) else self._judged(value))

    def _in_thread(self) -> None:
        try:
            value = self._check.call()
            if inspect.isawaitable(value):
                self._hand_over(lambda: value)
            else:
                self._finish(self._judged(value))
        except BaseException as error:  # SystemExit too: a check does not end the service
            self._finish(self._raised(error))

    def _hand_over(self, call: Callable[[], Any]) -> None:
        """Go on in the event loop."""
        try:
            self._runs_on = self._loop or private_loop()
            self._runs_on.call_soon_threadsafe(self._begin, call)
        except RuntimeError:
            self._finish(Result("fail", "no event loop left to run in"))

    def _begin(self, call: Callable[[], Any]) -> None:
        self._task = asyncio.get_running_loop().create_task(self._in_loop(call))
        self._task.add_done_callback(self._ended)

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
        self._finish(self._raised(asyncio.CancelledError()) if task.cancelled() else task.result())
