"""
Who blocks an event loop: the frame that its thread is in, and the request on whose behalf.

Of the frames on that stack only names and line numbers are read, and of the door's own frame its exchange.
"""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, final

from .. import context
from ..errors.frames import function_name, is_in_app, relative, source_line
from ..exchange import KEY, Exchange
from ..logs.safe import safe_text

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from .watched import Watched

__all__ = ["Blocking", "Cause", "Place", "place_of"]

logger = logging.getLogger("midwatch")

DEPTH: Final = 1000
"""Frames of a stack that are looked at."""

QUIET: Final = 60.0
"""Seconds between two lines about one place."""

PLACES: Final = 256
"""Places that are remembered; then all are forgotten."""

WIDTH: Final = 200


class Cause(StrEnum):
    """Why an event loop did not answer."""

    BLOCKED = "blocked"
    """One callback or task does not return."""
    BUSY = "busy"
    """Many wait for their turn, each of which is short."""
    HELD = "held"
    """A call somewhere in the process did not let go of the interpreter lock."""
    STARVED = "starved"
    """
    The process used no time of the CPU: it was stopped, throttled, the machine is overloaded, or a call waits for
    something and keeps the interpreter lock.
    """


SAID: Final = {
    Cause.BLOCKED: "is blocked",
    Cause.BUSY: "is busy with too many tasks",
    Cause.HELD: "stood still with the whole process: a call kept the interpreter lock",
    Cause.STARVED: "stood still with the whole process, which used no CPU time",
}


class Place(NamedTuple):
    """
    Where a thread is.

    Attributes:
        app: `file:line function` of the application's innermost frame; None where it has none on the stack.
        inner: The same, of the innermost frame of all.
        source: The line of the application's frame, or else of the innermost.
        exchange: What the innermost door on the stack serves.
    """

    app: str | None
    inner: str
    source: str
    exchange: Exchange | None


def place_of(frame: FrameType) -> Place:
    """Where the thread is whose innermost frame is *frame*."""
    from ..asgi.door import ASGIMiddleware  # noqa: PLC0415 - doors are above plugins

    door = ASGIMiddleware.__call__.__code__
    app: FrameType | None = None
    exchange: Exchange | None = None
    step: FrameType | None = frame
    for _ in range(DEPTH):
        if step is None:
            break
        if app is None and is_in_app(step.f_code.co_filename):
            app = step
        if step.f_code is door:
            found = step.f_locals.get("exchange")
            exchange = found if isinstance(found, Exchange) else None
            break
        step = step.f_back
    shown = frame if app is None else app
    source = source_line(shown.f_code.co_filename, shown.f_lineno or 0)[:WIDTH]
    return Place(None if app is None else _named(app), _named(frame), source, exchange)


def _named(frame: FrameType) -> str:
    return f"{relative(frame.f_code.co_filename)}:{frame.f_lineno or 0} {function_name(frame.f_code)}"


@final
class Blocking:
    """
    Tells the log who blocks; about one place at most once in `QUIET` seconds.

    Args:
        clock: Seconds; only differences count.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._told: dict[str, tuple[float, int]] = {}

    def tell(self, one: Watched, seconds: float, cause: Cause) -> Cause:
        """Log what *one* has been at for so many *seconds*; the cause, with what could be seen of it."""
        task = one.current()
        if cause is Cause.BLOCKED and one.task is not None and one.task() is not task:
            cause = Cause.BUSY
        frame = None if one.thread is None else sys._current_frames().get(one.thread)  # noqa: SLF001
        if frame is None:
            return cause
        place = place_of(frame)
        del frame
        key = f"{cause} {place.app or place.inner}"
        again = self._again(key)
        if again is not None:
            exchange = place.exchange or _of_task(task)
            _log(_line(place, seconds, cause, exchange, again), exchange)
        return cause

    def tell_of_process(self, seconds: float, cause: Cause) -> None:
        """Log that everything stood still for so many *seconds*, now over: there is nobody left to name."""
        again = self._again(cause)
        if again is not None:
            _log(f"the event loop {SAID[cause]}, for {seconds:.2f} s{_more(again)}", None)

    def _again(self, key: str) -> int | None:
        """How often *key* was not told of since it last was; None if it shall not be now."""
        now = self._clock()
        when, times = self._told.get(key, (-QUIET, 0))
        if now - when < QUIET:
            self._told[key] = when, times + 1
            return None
        if len(self._told) >= PLACES:
            self._told.clear()
        self._told[key] = now, 0
        return times


def _of_task(task: asyncio.Task[Any] | None) -> Exchange | None:
    """What a *task* serves that the application made below a door; its context can be read from Python 3.12 on."""
    variable = context._variable  # noqa: SLF001
    if task is None or not hasattr(task, "get_context") or not isinstance(variable, ContextVar):
        return None
    around = task.get_context().get(variable)
    found = None if around is None else around.get(KEY)
    return found if isinstance(found, Exchange) else None


def _line(place: Place, seconds: float, cause: Cause, exchange: Exchange | None, again: int) -> str:
    text = f"the event loop {SAID[cause]}, for {seconds:.2f} s so far, in {place.app or place.inner}"
    if place.source:
        text += f": {place.source}"
    if place.app is not None and place.inner != place.app:
        text += f" (innermost: {place.inner})"
    if exchange is not None:
        text += f"; it serves {exchange.method[:WIDTH]} {exchange.route or 'what no route is known of'}"
        text += f", trace {exchange.trace_id}" if exchange.trace_id else ""
        text += f", request {exchange.request_id}" if exchange.request_id else ""
    return safe_text(text) + _more(again)


def _more(again: int) -> str:
    return f" (told once a minute; {again} times more since)" if again else ""


def _log(line: str, exchange: Exchange | None) -> None:
    """Log within the context of the request, so that the line carries its ids as all of its lines do."""
    around = None if exchange is None else getattr(exchange, "context", None)
    token = None if around is None else context.attach(around)
    try:
        logger.warning("%s", line)
    finally:
        if token is not None:
            context.detach(token)
