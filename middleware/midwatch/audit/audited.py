"""
`@audited`: an event for each call of a function.

One event when the call is over, with the outcome that it had: of a coroutine when it was awaited, of a generator when
it was exhausted or closed (see `midwatch.audit.outcomes`).
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, TypeVar, final

from ..plugin import hook_failed
from .api import record
from .outcomes import outcome_of_error, outcome_of_value
from .template import RETURN, Template

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["audited"]

F = TypeVar("F", bound="Callable[..., Any]")


def audited(action: str, *, resource: object = None) -> Callable[[F], F]:
    """
    Record each call of a function, method, coroutine function or generator as *action*.

    Belongs below the decorator that registers a handler (`@app.get(...)`), which keeps the function it is given, and
    above those that may refuse the call. The signature stays. Works outside of requests, too; what it does itself
    never raises.

    Args:
        action: Such as `order.refund`.
        resource: `"type:id"`, in which `{name}`, `{name.attribute}` and `{name[key]}` stand for arguments and
            `{return}` for what was returned; or a callable that takes the same arguments and returns what
            `midwatch.audit.record` takes.

    Raises:
        TypeError: *action* is no text, *resource* neither text nor a plain callable, or it decorates no function.
        ValueError: the template names an argument that the function does not have.
    """
    if not isinstance(action, str):
        raise TypeError('audited() takes an action: @audited("order.refund")')
    if not (resource is None or isinstance(resource, str) or callable(resource)):
        raise TypeError(f"audited(): {type(resource).__name__} is neither a template nor a callable")
    if inspect.iscoroutinefunction(resource):
        raise TypeError("audited(): the callable for the resource cannot be a coroutine function")

    def decorate(function: F) -> F:
        found: Any = function
        if isinstance(found, classmethod | staticmethod):
            return type(found)(decorate(found.__func__))  # type: ignore[return-value]
        if not callable(found) or isinstance(found, type):
            raise TypeError(f"audited(): {found!r} is no function")
        told = Template(resource, found) if isinstance(resource, str) else resource
        watched: Any = functools.wraps(found)(_watching(found)(found, functools.partial(_Call, action, told)))
        return watched  # type: ignore[no-any-return]

    return decorate


@final
class _Call:
    """One call, from its arguments to its event."""

    __slots__ = ("_action", "_arguments", "_resource", "_template")

    def __init__(self, action: str, told: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._action = action
        self._arguments: dict[str, Any] = {}
        self._template: Template | None = None
        self._resource: Any = None
        try:
            if not isinstance(told, Template):
                self._resource = None if told is None else told(*args, **kwargs)
                return
            self._arguments = told.arguments(args, kwargs)
            if told.late:
                self._template = told
            else:
                # At once: the call may change what it was given.
                self._resource = told.render(self._arguments)
        except Exception:
            hook_failed(audited if isinstance(told, Template) else told)

    def returned(self, value: object = None) -> None:
        self._end(None, value)

    def raised(self, error: BaseException) -> None:
        self._end(error, None)

    def _end(self, error: BaseException | None, value: object) -> None:
        try:
            outcome = outcome_of_value(value) if error is None else outcome_of_error(error)
            # The class alone: what an exception says may be a secret.
            reason = None if error is None else type(error).__qualname__
            if self._template is not None:
                self._resource = self._template.render({**self._arguments, RETURN: value})
            record(self._action, resource=self._resource, outcome=outcome, reason=reason)
        except Exception:
            hook_failed(audited)


def _watching(function: Any) -> Callable[[Any, Callable[..., _Call]], Any]:
    """What wraps a function of this kind."""
    call = getattr(type(function), "__call__", None)  # noqa: B004 - what it is, not whether there is one
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call):
        return _coroutine
    if inspect.isasyncgenfunction(function) or inspect.isasyncgenfunction(call):
        return _async_generator
    if inspect.isgeneratorfunction(function) or inspect.isgeneratorfunction(call):
        return _generator
    return _plain


def _plain(function: Any, begin: Callable[..., _Call]) -> Any:
    def watched(*args: Any, **kwargs: Any) -> Any:
        call = begin(args, kwargs)
        try:
            value = function(*args, **kwargs)
        except BaseException as error:
            call.raised(error)
            raise
        if inspect.iscoroutine(value):
            return _awaited(value, call)  # A decorator below hides that it is one.
        call.returned(value)
        return value

    return watched


async def _awaited(coroutine: Any, call: _Call) -> Any:
    try:
        value = await coroutine
    except BaseException as error:
        call.raised(error)
        raise
    call.returned(value)
    return value


def _coroutine(function: Any, begin: Callable[..., _Call]) -> Any:
    async def watched(*args: Any, **kwargs: Any) -> Any:
        call = begin(args, kwargs)
        try:
            value = await function(*args, **kwargs)
        except BaseException as error:
            call.raised(error)
            raise
        call.returned(value)
        return value

    return watched


def _generator(function: Any, begin: Callable[..., _Call]) -> Any:
    def watched(*args: Any, **kwargs: Any) -> Any:
        call = begin(args, kwargs)
        try:
            value = yield from function(*args, **kwargs)
        except BaseException as error:
            call.raised(error)
            raise
        call.returned(value)
        return value

    return watched


def _async_generator(function: Any, begin: Callable[..., _Call]) -> Any:
    async def watched(*args: Any, **kwargs: Any) -> Any:
        call = begin(args, kwargs)
        try:
            inner = function(*args, **kwargs)
            step = anext(inner)
            while True:
                # `yield from` does this for generators (PEP 380): what is sent or thrown in belongs to the inner one.
                try:
                    value = await step
                except StopAsyncIteration:
                    break
                try:
                    sent = yield value
                except GeneratorExit:
                    await inner.aclose()
                    raise
                except BaseException as error:
                    step = inner.athrow(error)
                else:
                    step = inner.asend(sent)
        except BaseException as error:
            call.raised(error)
            raise
        call.returned()

    return watched
