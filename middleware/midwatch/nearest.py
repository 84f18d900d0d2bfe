"""What somebody probably meant, where a name is wrong."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["nearest", "suggested"]

LONGEST: Final = 64
"""Characters of a name that are looked at: the time it takes grows with their square."""


def nearest(name: object, names: Iterable[str]) -> str | None:
    """The one of *names* that *name* was probably meant to be, whatever its case; None where none comes near."""
    if not isinstance(name, str):
        return None
    by_lower = {known.lower(): known for known in names}
    matches = get_close_matches(name[:LONGEST].lower(), by_lower, 1, 0.6)
    return by_lower[matches[0]] if matches else None


def suggested(name: object, names: Iterable[str]) -> str:
    """`; did you mean 'x'?`, for the end of a message; nothing where none comes near."""
    near = nearest(name, names)
    return f"; did you mean {near!r}?" if near else ""
