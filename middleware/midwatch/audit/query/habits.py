"""What is unlike an actor: another hour, a busy day, or a life after a long silence."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from ...picture.words import counted
from .asking import REALLY, TIMED, conditions
from .behind import ids_of, learnt_from
from .finding import Finding
from .stats import DAY, HOUR
from .worst import Worst

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..stores.store import Filter
    from .asking import Source
    from .finding import Thresholds

__all__ = ["habits"]

WEEK: Final = 7 * 24
MONDAY: Final = 3 * 24
"""Hours from Monday to the epoch, which was a Thursday."""

BEFORE: Final = 14
LEAST: Final = 7
"""Days that a day is compared with, and without which it is not."""

MAD: Final = 1.4826
"""By which a median absolute deviation is a standard deviation, if it is normal."""

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Hours = list[tuple[int, int]]
"""Hours since the epoch in which an actor did something, and how often."""


def habits(source: Source, wanted: Filter, thresholds: Thresholds) -> Iterator[Finding]:
    """Each actor is looked at alone, hour by hour; only the worst are kept, and then asked about."""
    where, values = conditions(learnt_from(wanted, thresholds), "actor IS NOT NULL", TIMED, REALLY)
    sql = f"SELECT actor, time / :hour, count(*) FROM audit_event{where} GROUP BY 1, 2 ORDER BY 1, 2"  # noqa: S608 - bound
    begin = (wanted.since or 0) // HOUR
    kept = Worst(thresholds.most)
    for actor, rows in groupby(source.each(sql, values | {"hour": HOUR}), lambda row: row[0]):
        hours: Hours = [(hour, count) for _, hour, count in rows]
        for check in (unusual_hours, spikes, dormant):
            for finding in check(actor, hours, begin, thresholds):
                kept.add(finding)
    for finding in kept.all():
        its = wanted._replace(actor=finding.subject, since=finding.since, until=finding.until)
        ids = ids_of(source, its, thresholds.ids)
        yield replace(finding, events=ids)


def unusual_hours(actor: str, hours: Hours, begin: int, thresholds: Thresholds) -> Iterator[Finding]:
    """
    Hours of the week of which less than `rare` of the events before were.

    The hours beside it count as well: somebody who is there around the clock has each hour of 168 at 0.6 %.
    """
    if not hours:
        return
    week, total, told = [0] * WEEK, 0, -1
    mature = max(begin, hours[0][0] + thresholds.habit_days * 24)
    for hour, count in hours:
        at = (hour + MONDAY) % WEEK
        if hour >= mature and total >= thresholds.habit and hour // 24 != told:
            near = sum(week[(at + beside) % WEEK] for beside in (-1, 0, 1))
            if near < thresholds.rare * total:
                told = hour // 24
                when = f"{DAYS[at // 24]} {at % 24:02}:00 UTC"
                said = f"{actor} did {counted(count, 'thing')} on {when}, an hour with {near} of the {total} before."
                numbers: dict[str, int | float | str] = {"events": count, "near": near, "before": total, "hour": when}
                yield Finding("unusual-hour", "low", actor, said, hour * HOUR, (hour + 1) * HOUR, numbers, ())
        week[at] += count
        total += count


def spikes(actor: str, hours: Hours, begin: int, thresholds: Thresholds) -> Iterator[Finding]:
    """Days with far more events than the median of the 14 days before."""
    days: dict[int, int] = {}
    for hour, count in hours:
        days[hour // 24] = days.get(hour // 24, 0) + count
    born = min(days, default=0)
    for day, count in days.items():
        if day < begin // 24 or count < thresholds.spike_events or day - born < LEAST:
            continue
        before = [days.get(one, 0) for one in range(max(born, day - BEFORE), day)]
        middle = median(before)
        spread = max(MAD * median(abs(one - middle) for one in before), 0.1 * middle, 1)
        if count > middle + thresholds.spike * spread:
            times = (count - middle) / spread
            did = f"{actor} did {counted(count, 'thing')} in a day"
            said = f"{did}; the median of the {len(before)} days before is {middle:g} ({times:.0f} deviations below)."
            numbers: dict[str, int | float | str] = {"events": count, "median": middle, "deviations": round(times, 1)}
            yield Finding("volume-spike", "medium", actor, said, day * DAY, (day + 1) * DAY, numbers, ())


def dormant(actor: str, hours: Hours, begin: int, thresholds: Thresholds) -> Iterator[Finding]:
    """A first event after a long silence."""
    for (before, _), (hour, count) in _pairs(hours):
        silent = (hour - before) / 24
        if hour >= begin and silent >= thresholds.dormant:
            said = f"{actor} is active again after {silent:.0f} days without any event ({count} within an hour)."
            numbers: dict[str, int | float | str] = {"days": round(silent), "events": count}
            yield Finding("dormant", "medium", actor, said, hour * HOUR, (hour + 1) * HOUR, numbers, ())


def _pairs(hours: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    last = None
    for one in hours:
        if last is not None:
            yield last, one
        last = one
