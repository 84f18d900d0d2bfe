"""
SIGTERM, kept back from the server while the process drains.

uvicorn and gunicorn close their sockets as soon as they hear it, and tell nobody before. So our handler stands before
theirs: the first signal begins the drain, and reaches the server when that is over; a second one reaches it at once,
unless it is an echo of the first: systemd signals all processes of a service, and a master its workers once more.

| server | the handler stands before the server's | since |
| --- | --- | --- |
| uvicorn, also with `--workers`, also as gunicorn's worker | yes | lifespan startup |
| gunicorn sync, gthread and gevent | yes | the worker loads the application; `--preload` with sync: the first request |
| gunicorn gthread with `--preload` | no: threads serve all requests, and may set no handler | |
| gunicorn asgi, granian | no: the event loop takes the signal whoever stands before it | |
| hypercorn | no: its master tells the workers by an event | |
| granian wsgi, waitress, uWSGI | no: requests come in other threads, or the handler is none of Python's | |
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from math import inf
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol, final

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Drains", "put_before", "put_before_worker", "release", "standing"]

SETTLED: Final = 1.0
"""Seconds after which a server has set the handlers that it sets after the application has started."""

ECHO: Final = 1.0
"""Seconds within which a second signal is no other than the first."""

HYPERCORN: Final = frozenset({"hypercorn.asyncio.run", "hypercorn.trio.run"})
"""What its workers run."""


class Drains(Protocol):
    """What the signal begins."""

    def begin(self, reason: str) -> object:
        """Begin; called in a thread of its own."""

    @property
    def left(self) -> float:
        """Seconds until it is over."""
        raise NotImplementedError

    def say(self, standing: str | None) -> object:
        """Take note of whether the signal will begin it: None, or why not."""


@final
class _Hook:
    """
    One handler, put in front of another.

    Args:
        previous: What it stands before.
        drain: The first that it begins.
    """

    def __init__(self, previous: Any, drain: Drains) -> None:
        self.drains = [drain]
        self.previous = previous
        self._process = os.getpid()
        self._taken = self._over = self._settled = False
        self._taken_at = inf  # Until it is: a handler may be interrupted by itself.
        self._passed: SimpleQueue[bool | None] = SimpleQueue()

    @property
    def alive(self) -> bool:
        """Whether it has something to begin: a forked child does not inherit that."""
        return bool(self.drains) and self._process == os.getpid()

    @property
    def stands(self) -> bool:
        """Whether the signal reaches it first."""
        return signal.getsignal(signal.SIGTERM) == self.handle

    @property
    def rests(self) -> bool:
        """Whether it stands there with nothing to begin, since what it began for has stopped."""
        return self.stands and not self.drains and not self._taken and self._process == os.getpid()

    def start(self) -> None:
        """
        Wait for the signal, in a thread.

        Raises:
            RuntimeError: there is none left.
        """
        self._settled, self._passed = False, SimpleQueue()
        threading.Thread(target=self._wait, args=(self._passed,), name="midwatch-drain", daemon=True).start()

    def add(self, drain: Drains) -> None:
        if drain not in self.drains:
            self.drains.append(drain)
            if self._settled:
                drain.say(standing(drain))

    def remove(self, drain: Drains) -> None:
        if drain in self.drains:
            self.drains.remove(drain)
            if not self.drains and not self._taken:  # One that was taken is still sent on.
                self._passed.put(None)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal: in the main thread, between any two of its steps. It may take no lock, and log nothing."""
        if self.alive:
            passed, self._taken = self._taken, True
            if passed and not self._over and monotonic() < self._taken_at + ECHO:
                return
            self._passed.put(passed)
            if not passed:
                self._taken_at = monotonic()
                return
        if callable(self.previous):
            self.previous(number, frame)
        else:
            signal.signal(number, self.previous)
            os.kill(os.getpid(), number)

    def _wait(self, passed: SimpleQueue[bool | None]) -> None:
        """Wait for the signal, begin what it begins, wait until that is over, and send the signal once more."""
        try:
            taken = passed.get(timeout=SETTLED)
        except Empty:
            self._settled = True
            for drain in tuple(self.drains):
                drain.say(standing(drain))
            taken = passed.get()
        if taken is None:
            return
        for drain in tuple(self.drains):
            drain.begin("SIGTERM")
        try:
            passed.get(timeout=max((drain.left for drain in tuple(self.drains)), default=0.0))
        except Empty:
            self._over = True
            os.kill(os.getpid(), signal.SIGTERM)


_hook: _Hook | None = None


def put_before_worker(drain: Drains) -> None:
    """As `put_before`, if a gunicorn worker loads the application now: its request threads may set no handler later."""
    if _in_main_thread() and _kinds(signal.getsignal(signal.SIGTERM), "gunicorn.workers."):
        put_before(drain)


def put_before(drain: Drains) -> None:
    """Have the signal begin *drain* before it reaches the server; *drain* is told what came of that."""
    global _hook  # noqa: PLW0603 - there is one handler in a process
    if _hook is not None and _hook.alive:
        _hook.add(drain)
        return
    # One that is left of an earlier start is used again: a handler before a handler, at each start, would be no end.
    rests = _hook is not None and _hook.rests
    previous = _hook.previous if _hook is not None and rests else signal.getsignal(signal.SIGTERM)
    why = _hindrance(previous)
    if why is None:
        hook = _hook if _hook is not None and rests else _Hook(previous, drain)
        hook.drains = [drain]
        try:
            hook.start()
        except RuntimeError:
            hook.drains = []
            why = "there is no thread left to wait in"
        else:
            signal.signal(signal.SIGTERM, hook.handle)
            _hook = hook
            return
    drain.say(why)


def release(drain: Drains) -> None:
    """Have the signal pass *drain* by."""
    global _hook  # noqa: PLW0603 - as above
    if _hook is None:
        return
    _hook.remove(drain)
    if _hook.rests and _in_main_thread():
        signal.signal(signal.SIGTERM, _hook.previous)
        _hook = None


def standing(drain: Drains) -> str | None:
    """None if the next signal begins *drain*, else why it does not."""
    if _hook is None or not _hook.alive or drain not in _hook.drains:
        return "no handler is set"
    return None if _hook.stands else "the server has set a handler of its own after the start"


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _hindrance(handler: object) -> str | None:
    """Why nothing can be put before *handler* here."""
    if not _in_main_thread():
        return "requests are served outside of the main thread, where no handler can be set"
    if handler is None:
        return "the server's handler is none of Python's"
    if handler is signal.SIG_IGN:
        return "the process ignores it"
    if str(getattr(handler, "__module__", "")).startswith(("asyncio", "uvloop")):
        return "the server's event loop takes it, whatever stands before"
    if _is_of_hypercorn():
        return "hypercorn stops its workers by other ways than a signal"
    if _kinds(handler, "gunicorn.arbiter"):
        return "gunicorn's master has loaded the application (--preload)"
    return None


def _is_of_hypercorn() -> bool:
    """Whether hypercorn's master has made this process: it stops its workers by an event of its own."""
    # The master's module is there if the command was `hypercorn`; not for `python -m hypercorn`.
    made = multiprocessing.parent_process() is not None
    return "hypercorn.run" in sys.modules or (made and not HYPERCORN.isdisjoint(sys.modules))


def _kinds(handler: object, module: str) -> bool:
    """Whether *handler* is a method of something that *module* defines."""
    owner = type(getattr(handler, "__self__", None))
    return any(kind.__module__.startswith(module) for kind in owner.__mro__)
