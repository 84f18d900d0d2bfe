"""Very many resources that one actor came to within an hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .asking import TIMED, conditions
from .behind import ids_of
from .finding import Finding
from .stats import HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..stores.store import Filter
    from .asking import Source
    from .finding import Thresholds

__all__ = ["mass_reads"]

BUSY: Final = 5
"""Hours looked at for each finding that is wanted: those with most events."""


def mass_reads(source: Source, wanted: Filter, thresholds: Thresholds) -> Iterator[Finding]:
    """To tell resources apart is slow, so only busy hours are looked at."""
    where, values = conditions(wanted, "actor IS NOT NULL", TIMED)
    sql = f"SELECT actor, time / :hour, count(*) FROM audit_event{where} GROUP BY 1, 2"  # noqa: S608 - bound
    sql += " HAVING count(*) >= :mass ORDER BY count(*) DESC, 1, 2 LIMIT :most"
    values |= {"hour": HOUR, "mass": thresholds.mass, "most": BUSY * thresholds.most}
    for actor, hour, _ in list(source.each(sql, values)):
        begin, end = max(hour * HOUR, wanted.since or 0), (hour + 1) * HOUR
        its = wanted._replace(actor=actor, since=begin, until=min(end, wanted.until or end))
        count = _distinct(source, its)
        if count >= thresholds.mass:
            said = f"{actor} came to {count} different resources within an hour."
            ids = ids_of(source, its, thresholds.ids)
            yield Finding("mass-read", "high", actor, said, begin, end, {"resources": count}, ids)


def _distinct(source: Source, wanted: Filter) -> int:
    where, values = conditions(wanted, "resource_id IS NOT NULL", "outcome = 'success'")
    inner = f"SELECT DISTINCT resource_type, resource_id FROM audit_event{where}"  # noqa: S608 - no data in it
    ((found,),) = source.each(f"SELECT count(*) FROM ({inner}) AS found", values)  # noqa: S608 - bound
    return int(found)
