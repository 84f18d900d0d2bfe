"""Which group an exception belongs to: what the application says, else its fingerprint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from ..plugin import hook_failed
from .fingerprint import fingerprint
from .frames import is_in_app

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Grouping"]

OWN: Final = 128
"""Characters of a fingerprint that the application makes."""


@final
class Grouping:
    """
    Groups exceptions.

    Args:
        own: Takes the exception and its route, returns text, or None for the fingerprint; one that raises is counted.
        in_app: Whether a file is the application's own.
    """

    def __init__(
        self,
        own: Callable[[BaseException, str | None], str | None] | None = None,
        in_app: Callable[[str], bool] = is_in_app,
    ) -> None:
        self._own = own
        self._in_app = in_app

    def __call__(self, error: BaseException, route: str | None) -> str:
        if self._own is not None:
            try:
                told = self._own(error, route)
            except Exception:
                hook_failed(self._own)
            else:
                if type(told) is str and told:
                    return told[:OWN].encode("utf-8", "replace").decode()
        return fingerprint(error, route=route, in_app=self._in_app)
