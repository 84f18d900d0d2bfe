"""
The unit of extension, and the table of moments it may act in.

| moment | when, how often | may |
| --- | --- | --- |
| `on_startup()` | the server starts (ASGI lifespan, else the first request), once per process | start work |
| `on_serving()` | right after it; with a lifespan, once the application has started too | start what needs the application |
| `on_request(exchange)` | before the app, once, in order; every plugin is asked even after one replied | return a `Reply` (the app is not called, the first one wins) or a `Hold` |
| `on_response(exchange)` | status and headers known and not yet sent, once per started response, reverse order; 1xx ignored; websocket accept and denial count | add headers, return a `Hold` |
| `on_error(exchange)` | an `Exception` leaves the app, also after the response started or from a background task; reverse order | read `exchange.error`; return a `Reply` for an app that has not answered and has no framework to answer for it |
| `on_finish(exchange)` | exactly once whatever happened, reverse order, when the app is done after the last byte, the failure, the disconnect or the cancellation | read everything |
| `on_shutdown(deadline)` | the server stops (lifespan, else `atexit`), once, reverse order | flush within *deadline* seconds |

Methods are plain, never coroutines: that is what lets one plugin serve ASGI and WSGI alike. Work that must be
waited for is handed to a thread and returned as a `Hold`.
"""

from __future__ import annotations

import inspect
import logging
import os
import threading
import time
import weakref
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .answers import Hold, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .exchange import Exchange

__all__ = ["Moments", "Plugin", "doors", "failures", "hook_failed"]

logger = logging.getLogger("midwatch")

Answers: TypeAlias = "list[Reply | Hold]"


class Plugin:
    """Base of all plugins; override the moments you need (see the table in `midwatch.plugin`)."""

    def on_startup(self) -> None:
        """Start work; once per process, before the first exchange."""

    def on_serving(self) -> None:
        """Start what needs the application, which has started as well by now, where it says so."""

    def on_request(self, exchange: Exchange) -> Reply | Hold | None:
        """Look at the request before the app does; answer it with a `Reply`, or wait with a `Hold`."""

    def on_response(self, exchange: Exchange) -> Hold | None:
        """Add headers with `exchange.add_header`; status and headers are known and not sent yet."""

    def on_error(self, exchange: Exchange) -> Reply | None:
        """Note `exchange.error`; a `Reply` is used where nobody else will answer."""

    def on_finish(self, exchange: Exchange) -> None:
        """Read the whole exchange: outcome, status, sizes, duration, error."""

    def on_shutdown(self, deadline: float) -> None:
        """Flush and stop within *deadline* seconds."""

    def let_go(self) -> None:
        """
        End what goes on without requests: the application was dropped, and will not stop.

        No moment: the garbage collector calls, from anywhere. Note it, and take no lock.
        """


MOMENTS: Final = ("on_startup", "on_serving", "on_request", "on_response", "on_error", "on_finish", "on_shutdown")
IN_ORDER: Final = frozenset({"on_startup", "on_serving", "on_request"})


class Moments:
    """
    The overridden hooks of some plugins, resolved once and in calling order.

    Raises:
        TypeError: something that is no plugin instance, overrides no moment, or has a coroutine for one.
    """

    __slots__ = ("__weakref__", "_joined", "kinds", "on_error", "on_finish", "on_request", "on_response", "on_serving",
                 "on_shutdown", "on_startup", "plugins")  # fmt: skip

    def __init__(self, plugins: Iterable[Plugin]) -> None:
        self.plugins = tuple(plugins)
        for plugin in self.plugins:
            _check(plugin)
        self.kinds = frozenset(type(plugin) for plugin in self.plugins)
        self.on_startup = self._hooks("on_startup")
        self.on_serving = self._hooks("on_serving")
        self.on_request = self._hooks("on_request")
        self.on_response = self._hooks("on_response")
        self.on_error = self._hooks("on_error")
        self.on_finish = self._hooks("on_finish")
        self.on_shutdown = self._hooks("on_shutdown")
        self._joined: dict[Moments, tuple[Moments, Moments]] = {}

    def _hooks(self, moment: str) -> tuple[Callable[..., Any], ...]:
        hooks = [getattr(plugin, moment) for plugin in self.plugins if _overrides(type(plugin), moment)]
        return tuple(hooks if moment in IN_ORDER else reversed(hooks))

    def joined_by(self, inner: Moments) -> tuple[Moments, Moments]:
        """
        What an inner door adds to an exchange that an outer door drives: the plugins of a class not yet on board.

        Returns:
            the plugins that join, and all of them together (outer first).
        """
        known = self._joined.get(inner)
        if known is None:
            missing = [plugin for plugin in inner.plugins if type(plugin) not in self.kinds]
            known = self._joined[inner] = (Moments(missing), Moments((*self.plugins, *missing)))
        return known

    def request(self, exchange: Exchange) -> Answers | None:
        """Run `on_request`; None when no plugin wants anything."""
        answers: Answers | None = None
        for hook in self.on_request:
            try:
                answer = hook(exchange)
            except Exception:
                hook_failed(hook)
            else:
                if answer is not None:
                    answers = [answer] if answers is None else [*answers, answer]
        return answers

    def response(self, exchange: Exchange) -> Answers | None:
        """Run `on_response`; None when no plugin wants to wait."""
        answers: Answers | None = None
        for hook in self.on_response:
            try:
                answer = hook(exchange)
            except Exception:
                hook_failed(hook)
            else:
                # A Reply would change the response; only a Hold that fails may, which somebody asked to be strict about.
                if isinstance(answer, Hold):
                    answers = [answer] if answers is None else [*answers, answer]
        return answers

    def error(self, exchange: Exchange) -> Reply | None:
        """Run `on_error`; the first `Reply`, if any."""
        reply: Reply | None = None
        for hook in self.on_error:
            try:
                answer = hook(exchange)
            except Exception:
                hook_failed(hook)
            else:
                if reply is None and isinstance(answer, Reply):
                    reply = answer
        return reply

    def finish(self, exchange: Exchange) -> None:
        """Run `on_finish`, all of them."""
        leaving: BaseException | None = None
        for hook in self.on_finish:
            try:
                hook(exchange)
            except Exception:
                hook_failed(hook)
            except BaseException as error:
                leaving = error
        if leaving is not None:
            raise leaving

    def startup(self) -> None:
        """Run `on_startup`."""
        _run(self.on_startup)

    def serving(self) -> None:
        """Run `on_serving`."""
        _run(self.on_serving)

    def shutdown(self, deadline: float) -> None:
        """Run `on_shutdown`, all within *deadline* seconds."""
        end = time.monotonic() + deadline
        for hook in self.on_shutdown:
            try:
                hook(max(0.0, end - time.monotonic()))
            except Exception:
                hook_failed(hook)


def _run(hooks: Iterable[Callable[[], object]]) -> None:
    for hook in hooks:
        try:
            hook()
        except Exception:
            hook_failed(hook)


def _overrides(kind: type[Plugin], moment: str) -> bool:
    return getattr(kind, moment) is not getattr(Plugin, moment)


def _check(plugin: object) -> None:
    if not isinstance(plugin, Plugin):
        hint = f"; did you mean {plugin.__name__}()?" if isinstance(plugin, type) else ""
        raise TypeError(f"{plugin!r} is not a midwatch.Plugin instance{hint}")
    kind = type(plugin)
    overridden = [moment for moment in MOMENTS if _overrides(kind, moment)]
    for name in dir(kind):
        if name.startswith("on_") and name not in MOMENTS:
            near = get_close_matches(name, MOMENTS, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; the moments are {', '.join(MOMENTS)}"
            raise TypeError(f"{kind.__name__}.{name} is no moment and would never be called{hint}")
    if not overridden:
        raise TypeError(f"{kind.__name__} overrides no moment; override one of {', '.join(MOMENTS)}")
    for moment in overridden:
        if inspect.iscoroutinefunction(getattr(kind, moment)):
            raise TypeError(
                f"{kind.__name__}.{moment} is a coroutine; moments are plain methods: return a Hold to wait"
            )


doors: Final[weakref.WeakSet[Moments]] = weakref.WeakSet()
"""Those of doors that run."""

failures: dict[str, int] = {}
"""How often a moment of a plugin class raised, by `Class.moment`; shown at `/metrics`."""

_QUIET: Final = 60.0
_last_told: dict[str, float] = {}
_lock = threading.RLock()  # A signal handler, or a finalizer, may come in while it is held.


def hook_failed(hook: Callable[..., Any]) -> None:
    """Count the exception being handled against *hook*; log it, once per class and minute."""
    name: str = getattr(hook, "__qualname__", None) or type(hook).__qualname__
    now = time.monotonic()
    with _lock:
        failures[name] = failures.get(name, 0) + 1
        if now - _last_told.get(name, -_QUIET) < _QUIET:
            return
        _last_told[name] = now
    try:
        logger.exception("%s failed; the request is not affected (told once a minute)", name)
    except Exception:
        # A broken log handler must not make an observer's failure the application's.
        failures["logging"] = failures.get("logging", 0) + 1


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_after_fork)
