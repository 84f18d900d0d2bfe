"""The events behind a finding, and the time that habits are learnt from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .asking import conditions
from .stats import DAY

if TYPE_CHECKING:
    from ..stores.store import Filter
    from .asking import Source
    from .finding import Thresholds

__all__ = ["ids_of", "learnt_from"]


def ids_of(source: Source, wanted: Filter, most: int) -> tuple[str, ...]:
    """Ids of the first *most* events of *wanted*."""
    where, values = conditions(wanted, "id IS NOT NULL")
    sql = f"SELECT id FROM audit_event{where} ORDER BY time LIMIT :most"  # noqa: S608 - bound
    return tuple(row[0] for row in source.each(sql, values | {"most": most}))


def learnt_from(wanted: Filter, thresholds: Thresholds) -> Filter:
    """*wanted* with what was before, whatever came of it."""
    since = None if wanted.since is None else wanted.since - int(thresholds.history * DAY)
    return wanted._replace(since=since)
