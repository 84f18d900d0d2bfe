"""How long something takes, as an observation."""

from __future__ import annotations

import inspect
from functools import wraps
from time import perf_counter
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, cast, final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from .children import HistogramChild

__all__ = ["Timer"]

P = ParamSpec("P")
T = TypeVar("T")


@final
class Timer:
    """Observes the seconds of a `with` block, or of each call of the function that it decorates."""

    def __init__(self, child: HistogramChild) -> None:
        self._child = child
        self._started = 0.0

    def __enter__(self) -> Self:
        self._started = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.observe(perf_counter() - self._started)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Time each call of *function*; of a coroutine function until its coroutine is done."""
        child = self._child
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def waited(*args: P.args, **kwargs: P.kwargs) -> Any:
                with Timer(child):
                    return await function(*args, **kwargs)

            return cast("Callable[P, T]", waited)

        @wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> T:
            with Timer(child):
                return function(*args, **kwargs)

        return called
