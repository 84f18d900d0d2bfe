"""Functions of the user's that say how a value is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from ..plugin import hook_failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Calls"]


@final
class Calls:
    """
    What they make of a value, one after the other.

    Args:
        calls: Each takes the name and the value, and returns what to show, or None to hide it.
    """

    def __init__(self, calls: Iterable[Callable[[str, str], str | None]] = ()) -> None:
        self._calls = tuple(calls)

    def __bool__(self) -> bool:
        return bool(self._calls)

    def __call__(self, name: str, value: str) -> str | None:
        """
        What is shown of *value*; None for nothing.

        One that raises, or returns something else, hides the value; that it raised is counted, and told without what
        the exception says: that may be the value.
        """
        for call in self._calls:
            try:
                shown = call(name, value)
                if not isinstance(shown, str):
                    return None
                value = str.__str__(shown)
            except (Exception, SystemExit) as error:
                _told(call, error)
                return None
        return value


def _told(call: Callable[[str, str], object], error: BaseException) -> None:
    try:
        raise RuntimeError(f"raised {type(error).__qualname__}").with_traceback(error.__traceback__) from None
    except RuntimeError:
        hook_failed(call)
