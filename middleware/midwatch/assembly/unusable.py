"""Settings that are what they should be, and name what cannot be used."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Unusable", "named"]


class Unusable(ValueError):  # noqa: N818 - says what is found
    """
    What a setting names cannot be used, which only trying tells.

    Attributes:
        setting: Its path.
    """

    def __init__(self, setting: str, error: ValueError) -> None:
        super().__init__(str(error))
        self.setting = setting


@contextmanager
def named(setting: str) -> Iterator[None]:
    """Have errors name *setting*."""
    try:
        yield
    except ValueError as error:
        raise Unusable(setting, error) from None
