"""How figures are counted: by whoever has the events, group by group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .asking import TIMED, conditions
from .stats import DAY, HOUR, Bucket, Stats, Tally

if TYPE_CHECKING:
    from ..stores.store import Filter
    from .asking import Source

__all__ = ["count"]

HOURS: Final = 168
DAYS: Final = 90
"""Buckets up to the last event; a clock that was wrong once must not make millions."""

KINDS: Final = 100
"""Kinds and outcomes that are told apart; there are few, unless somebody writes his own."""

DENIED: Final = "sum(CASE WHEN outcome = 'denied' THEN 1 ELSE 0 END)"
FAILED: Final = "sum(CASE WHEN outcome IN ('failure', 'error') THEN 1 ELSE 0 END)"
COUNTS: Final = f"count(*), {DENIED}, {FAILED}"

HAPPENED: Final = f"CASE WHEN {TIMED} THEN time END"

RESOURCE: Final = "resource_type, resource_id"

MONDAY: Final = 3 * 24
"""Hours from Monday to the epoch, which was a Thursday."""


def count(source: Source, wanted: Filter, *, top: int) -> Stats:
    """The figures of *wanted*, with the *top* most frequent ones of each list."""
    first, last, events, denied, failed = _total(source, wanted)
    lists = {name: _top(source, wanted, name, top) for name in ("actor", "action", RESOURCE, "ip")}
    hours, week = _by_hour(source, wanted, last)
    return Stats(
        first,
        last,
        Tally("all", events, denied, failed),
        {
            "actors": _distinct(source, wanted, "actor"),
            "actions": _distinct(source, wanted, "action"),
            "resources": _distinct(source, wanted, RESOURCE),
            "addresses": _distinct(source, wanted, "ip"),
        },
        lists["actor"],
        lists["action"],
        lists[RESOURCE],
        lists["ip"],
        _top(source, wanted, "kind", KINDS),
        _top(source, wanted, "outcome", KINDS),
        _filled(hours, last, HOUR, HOURS),
        _filled(hours, last, DAY, DAYS),
        week,
    )


def _total(source: Source, wanted: Filter) -> tuple[int | None, int | None, int, int, int]:
    # A body without a time has 0, and says nothing about when.
    where, values = conditions(wanted)
    sql = f"SELECT min({HAPPENED}), max({HAPPENED}), {COUNTS}"
    ((first, last, events, denied, failed),) = source.each(f"{sql} FROM audit_event{where}", values)
    return first, last, events, int(denied or 0), int(failed or 0)


def _top(source: Source, wanted: Filter, key: str, limit: int) -> tuple[Tally, ...]:
    names = key.split(", ")
    where, values = conditions(wanted, f"{names[0]} IS NOT NULL")
    sql = f"SELECT {key}, {COUNTS} FROM audit_event{where} GROUP BY {key} ORDER BY count(*) DESC, {key} LIMIT :most"  # noqa: S608 - bound
    rows = source.each(sql, values | {"most": limit})
    return tuple(_tally(row[: len(names)], row[len(names) :]) for row in rows)


def _tally(names: tuple[Any, ...], counts: tuple[Any, ...]) -> Tally:
    name = ":".join(str(part) for part in names if part is not None)
    return Tally(name, *map(int, counts))


def _distinct(source: Source, wanted: Filter, key: str) -> int:
    where, values = conditions(wanted, f"{key.split(', ', maxsplit=1)[0]} IS NOT NULL")
    sql = f"SELECT count(*) FROM (SELECT DISTINCT {key} FROM audit_event{where}) AS found"  # noqa: S608
    ((found,),) = source.each(sql, values)
    return int(found)


Hours = dict[int, tuple[int, int, int]]


def _by_hour(source: Source, wanted: Filter, last: int | None) -> tuple[Hours, tuple[int, ...]]:
    """The counts of the hours that are drawn, and those of all hours of the week."""
    kept: Hours = {}
    week = [0] * (7 * 24)
    oldest = (last or 0) // HOUR - DAYS * 24
    where, values = conditions(wanted, TIMED)
    sql = f"SELECT time / :hour, {COUNTS} FROM audit_event{where} GROUP BY 1"  # noqa: S608 - bound
    for hour, events, denied, failed in source.each(sql, values | {"hour": HOUR}):
        week[(hour + MONDAY) % len(week)] += events
        if hour > oldest:
            kept[hour] = (events, int(denied), int(failed))
    return kept, tuple(week)


def _filled(hours: Hours, last: int | None, length: int, most: int) -> tuple[Bucket, ...]:
    """*hours* in buckets of *length* nanoseconds, from the first that has events to *last*."""
    if last is None:
        return ()
    sums: dict[int, list[int]] = {}
    for hour, counts in hours.items():
        found = sums.setdefault(hour * HOUR // length, [0, 0, 0])
        found[:] = [old + new for old, new in zip(found, counts, strict=True)]
    end = last // length
    begin = max(min(sums, default=end), end - most + 1)
    return tuple(Bucket(at * length, *sums.get(at, (0, 0, 0))) for at in range(begin, end + 1))
