"""
Questions to the columns of events, in the SQL that SQLite and PostgreSQL share.

Text of ours only: whatever somebody asks for is a bound parameter. The names are those of
`midwatch.audit.stores.tables`, which the copy of a file store has, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from ..stores.wanted import equalities

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..stores.store import Filter

__all__ = ["REALLY", "TIMED", "Source", "conditions"]

REALLY: Final = "(outcome = 'success' OR kind <> 'auth')"
"""What an actor did: who fails to be somebody is somebody else."""


TIMED: Final = "time > 0 AND time < 9223372036854775807"
"""That an event says when it happened. SQLite takes text, if somebody puts it there, for more than any number."""


class Source(Protocol):
    """Whatever answers a question."""

    def each(self, sql: str, values: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
        """
        The rows of *sql*, a few at a time; *values* are its `:name` parameters.

        Raises:
            StoreError: no answer.
        """


def conditions(wanted: Filter, *more: str) -> tuple[str, dict[str, Any]]:
    """A `WHERE` for *wanted* and for the conditions *more*, and the values of its parameters."""
    parts, values = list(more), dict[str, Any]()
    for name, value in equalities(wanted):
        parts.append(f"{name} = :{name}")
        values[name] = value
    if wanted.since is not None:
        parts.append("time >= :since")
        values["since"] = wanted.since
    if wanted.until is not None:
        parts.append("time < :until")
        values["until"] = wanted.until
    return (f" WHERE {' AND '.join(parts)}" if parts else ""), values
