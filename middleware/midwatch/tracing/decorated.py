"""A function with something around each call, whatever kind of function it is."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ..context import attach, detach, get_current

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextvars import Token
    from types import TracebackType

    from opentelemetry.context import Context

__all__ = ["Surroundings", "decorated"]

F = TypeVar("F", bound="Callable[..., Any]")


class Surroundings:
    """What one call runs in: a context, and something to do when it is over. As a `with` block it is current."""

    __slots__ = ("_token",)

    _token: Token[Context]

    def open(self) -> Context:
        """The context to run in."""
        raise NotImplementedError

    def close(self, error: BaseException | None) -> None:
        """It is over; *error* is what it raised."""

    def __enter__(self) -> Any:
        self._token = attach(self.open())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _leave(self._token)
        self.close(error)


def _leave(token: Token[Context]) -> None:
    try:  # noqa: SIM105 - every span pays for it
        detach(token)
    except ValueError:
        pass  # Left in another task or thread: there is nothing to restore.


def decorated(function: F, around: Callable[[], Surroundings]) -> F:
    """
    *function* with new surroundings for each call.

    Those of a coroutine function last until it returns, those of a generator function from the first item to its end,
    and are current only while it runs: between two items nobody but the caller decides what is current.
    """
    if isinstance(function, classmethod | staticmethod):
        return cast("F", type(function)(decorated(function.__func__, around)))
    known = inspect.isroutine(function) or isinstance(function, functools.partial)
    kind: Any = function if known else type(function).__call__
    for is_one, wrapped in KINDS:
        if is_one(kind):
            return cast("F", wrapped(function, around))
    return cast("F", _plain(function, around))


def _plain(function: Callable[..., Any], around: Callable[[], Surroundings]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        with around():
            return function(*args, **options)

    return call


def _coroutine(function: Callable[..., Any], around: Callable[[], Surroundings]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def call(*args: Any, **options: Any) -> Any:
        with around():
            return await function(*args, **options)

    return call


def _generator(function: Callable[..., Any], around: Callable[[], Surroundings]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        inner = function(*args, **options)
        step, value = inner.send, None
        pieces = _Pieces(around())
        try:
            while True:
                try:
                    item = pieces.run(step, value)
                except StopIteration as end:
                    pieces.close(None)
                    return end.value
                try:
                    step, value = inner.send, (yield item)
                except BaseException as error:
                    step, value = inner.throw, error
        except BaseException as error:
            pieces.close(error)
            raise
        finally:
            value = None  # An exception would hold this frame, which holds the exception.

    return call


def _async_generator(function: Callable[..., Any], around: Callable[[], Surroundings]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def call(*args: Any, **options: Any) -> Any:
        inner = function(*args, **options)
        step, value = inner.asend, None
        pieces = _Pieces(around())
        try:
            while True:
                try:
                    item = await pieces.wait(step, value)
                except StopAsyncIteration:
                    pieces.close(None)
                    return
                try:
                    step, value = inner.asend, (yield item)
                except BaseException as error:
                    step, value = inner.athrow, error
        except BaseException as error:
            pieces.close(error)
            raise
        finally:
            value = None

    return call


KINDS = (
    (inspect.iscoroutinefunction, _coroutine),
    (inspect.isgeneratorfunction, _generator),
    (inspect.isasyncgenfunction, _async_generator),
)


class _Pieces:
    """Surroundings of what runs in pieces: current during each, as the last one has left them."""

    __slots__ = ("_around", "_context")

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._context = around.open()

    def run(self, step: Callable[[Any], Any], value: Any) -> Any:
        token = attach(self._context)
        try:
            return step(value)
        finally:
            self._context = get_current()
            _leave(token)

    async def wait(self, step: Callable[[Any], Awaitable[Any]], value: Any) -> Any:
        token = attach(self._context)
        try:
            return await step(value)
        finally:
            self._context = get_current()
            _leave(token)

    def close(self, error: BaseException | None) -> None:
        self._around.close(error)
