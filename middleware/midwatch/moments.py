"""The plugins of one door, asked moment by moment."""

from __future__ import annotations

import inspect
import time
import weakref
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .answers import Hold, Reply
from .nearest import nearest
from .plugin import IN_ORDER, MOMENTS, Plugin, hook_failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .exchange import Exchange

__all__ = ["Answers", "Moments", "doors"]

Answers: TypeAlias = "list[Reply | Hold]"


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
                # A Reply would change the response; only a Hold that fails may, for who asked to be strict.
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
            near = nearest(name, MOMENTS)
            hint = f"; did you mean {near}?" if near else f"; the moments are {', '.join(MOMENTS)}"
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
