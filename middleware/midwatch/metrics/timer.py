"""How long something takes, as an observation."""

from __future__ import annotations

import inspect
from functools import wraps
from time import perf_counter
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, cast, final

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from types import TracebackType

    from .children import HistogramChild

__all__ = ["Timer"]

P = ParamSpec("P")
T = TypeVar("T")


@final
class Timer:
    """
    Observes the seconds of a `with` block, or of each call of the function that it decorates.

    One timer may be in use by several blocks: within each other each has its own seconds. Of those that overlap, as in
    threads, which is whose cannot be told, but their number and sum are right.
    """

    def __init__(self, child: HistogramChild) -> None:
        self._child = child
        self._started: list[float] = []

    def __enter__(self) -> Self:
        self._started.append(perf_counter())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.observe(perf_counter() - self._started.pop())

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Time each call of *function*; where it makes a coroutine or a generator, until that is done."""
        return cast("Callable[P, T]", _timed(self._child, function))


def _timed(child: HistogramChild, function: Callable[..., Any]) -> Callable[..., Any]:
    """*function*, timed, and of the same kind: frameworks look."""
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def waited(*args: Any, **kwargs: Any) -> Any:
            with Timer(child):
                return await function(*args, **kwargs)

        return waited
    if inspect.isgeneratorfunction(function):

        @wraps(function)
        def made(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            with Timer(child):
                return (yield from function(*args, **kwargs))

        return made
    if inspect.isasyncgenfunction(function):

        @wraps(function)
        async def streamed(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            generator = function(*args, **kwargs)
            step = generator.__anext__()
            with Timer(child):
                while True:
                    try:
                        item = await step
                    except StopAsyncIteration:
                        return
                    # There is no `yield from` for these.
                    try:
                        sent = yield item
                    except GeneratorExit:
                        await generator.aclose()
                        raise
                    except BaseException as error:
                        step = generator.athrow(error)
                    else:
                        step = generator.asend(sent)

        return streamed

    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        with Timer(child):
            return function(*args, **kwargs)

    return called
