"""Bytes in a table, and what somebody has put there instead: SQLite keeps text and numbers in any column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from sqlalchemy import LargeBinary

from ..octets import octets

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Dialect

__all__ = ["Bytes"]


@final
class Bytes(LargeBinary):
    """A column of bytes. What is none is read as the bytes of its text: it takes a verifier to judge it."""

    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """What is done with each value."""
        return octets
