"""How long the texts of a span may be, and what its values weigh while it waits to be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ..redaction import Redactor

__all__ = ["LONGEST_KEY", "LONGEST_NAME", "bounded_name", "stack_of", "weight"]

LONGEST_KEY: Final = 1024
LONGEST_NAME: Final = 1024
"""Characters of an attribute's name, and of a span's."""


def bounded_name(name: Any) -> str:
    """*name* as a span can have it."""
    if type(name) is str and len(name) <= LONGEST_NAME:
        return name
    from ..logs.safe import safe_text  # noqa: PLC0415 - logs need spans first

    return safe_text(name)[:LONGEST_NAME]


def stack_of(error: BaseException, redactor: Redactor) -> str:
    """How *error* came about, as text without secrets."""
    from ..errors.describe import stacktrace  # noqa: PLC0415 - errors need spans first

    return stacktrace(error, redactor)


def weight(item: Any, depth: int = 4) -> int:
    """Bytes that *item* keeps in memory, roughly."""
    if isinstance(item, str | bytes):
        return len(item)
    if depth and isinstance(item, list | tuple):
        return 8 + sum(weight(each, depth - 1) for each in item)
    if depth and isinstance(item, dict):
        return 64 + sum(weight(key, 0) + weight(each, depth - 1) for key, each in item.items())
    return 64
