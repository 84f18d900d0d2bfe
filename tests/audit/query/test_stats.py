"""What is counted is what is there, in a database and in a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from midwatch.audit.query import Filter, Tally, Trail

from . import million
from .trails import DAY, HOUR, MONDAY

Ask = Callable[[Iterable[dict[str, Any]]], Trail]


def test_totals_and_lists_are_those_of_the_events(ask: Ask) -> None:
    bodies = list(million.ordinary(3000))
    stats = ask(bodies).stats(top=5)
    outcomes = Counter(body["outcome"] for body in bodies)
    actors = Counter(body["actor"]["id"] for body in bodies)
    assert stats.total == Tally("all", 3000, outcomes["denied"], outcomes["failure"])
    assert {tally.name: tally.events for tally in stats.outcomes} == outcomes
    assert [tally.events for tally in stats.actors] == sorted(actors.values(), reverse=True)[:5]
    assert stats.distinct["actors"] == len(actors)
    assert stats.distinct["resources"] == len({body["resource"][0]["id"] for body in bodies})
    assert stats.resources[0].name.startswith("order:")
    assert sum(stats.week) == 3000
    drawn = [body for body in bodies if body["time"] >= million.moment(stats.days[0].start)]
    assert len(stats.days) == 90
    assert sum(bucket.events for bucket in stats.days) == len(drawn)
    assert stats.as_dict()["total"]["events"] == 3000


def test_ratios_of_a_tally() -> None:
    assert (Tally("a", 4, 1, 2).denied_ratio, Tally("a", 4, 1, 2).failed_ratio) == (0.25, 0.5)
    assert Tally("a", 0, 0, 0).denied_ratio == 0


def test_hours_and_days_have_no_holes_and_end_with_the_last_event(ask: Ask) -> None:
    stats = ask([million.event(0, MONDAY, "a"), million.event(1, MONDAY + 2 * DAY + 5 * HOUR, "a")]).stats()
    assert [bucket.events for bucket in stats.days] == [1, 0, 1]
    assert len(stats.hours) == 54
    assert stats.hours[-1].start == MONDAY + 2 * DAY + 5 * HOUR


def test_a_clock_that_was_wrong_once_makes_no_millions_of_hours(ask: Ask) -> None:
    wrong, none = million.event(0, million.SECOND, "a"), million.event(1, MONDAY, "a") | {"time": None}
    right = [million.event(2 + day, MONDAY - day * DAY, "a") for day in (0, 100)]
    old = million.event(200, MONDAY - 89 * DAY, "a")
    stats = ask([wrong, none, *right, old]).stats()
    assert (len(stats.days), len(stats.hours), stats.last) == (90, 168, MONDAY)


def test_an_empty_trail_has_figures(ask: Ask) -> None:
    trail = ask([])
    stats = trail.stats()
    assert (stats.total.events, stats.first, stats.days, sum(stats.week)) == (0, None, (), 0)
    assert trail.findings() == []
    assert list(trail.events()) == []


def test_a_filter_is_a_value_and_never_sql(ask: Ask) -> None:
    hostile = "x' OR 1=1; DROP TABLE audit_event; --"
    trail = ask([million.event(0, MONDAY, "a"), million.event(1, MONDAY, hostile)])
    for name in ("action", "outcome", "ip", "trace_id", "kind", "tenant", "resource"):
        hostile_filter = Filter._make(hostile if field == name else None for field in Filter._fields)
        assert trail.stats(hostile_filter).total.events == 0
        assert trail.findings(hostile_filter) == []
    assert trail.stats(Filter(actor=hostile)).total.events == 1
    assert trail.stats().total.events == 2


def test_filters_of_time_and_resource(ask: Ask) -> None:
    trail = ask([million.event(number, MONDAY + number * HOUR, "a") for number in range(10)])
    assert trail.stats(Filter(since=MONDAY + 2 * HOUR, until=MONDAY + 5 * HOUR)).total.events == 3
    assert trail.stats(Filter(resource="order:4")).total.events == 1
    assert trail.stats(Filter(resource="order")).total.events == 10


def test_events_come_by_time_with_their_bodies(ask: Ask) -> None:
    bodies = [million.event(number, MONDAY + (number * 7 % 20) * HOUR, f"u{number % 2}") for number in range(20)]
    trail = ask(bodies)
    found = list(trail.events())
    assert [event["id"] for event in found] == [body["id"] for body in sorted(bodies, key=lambda body: body["time"])]
    assert all(b'"action"' in event["body"] for event in found)
    assert len(list(trail.events(Filter(actor="u1")))) == 10
    page = trail.timeline(Filter(actor="u1"), limit=7)
    rest = trail.timeline(Filter(actor="u1"), limit=7, after=page.after)
    assert (len(page.rows), len(rest.rows), rest.after) == (7, 3, None)


def test_hostile_bodies_are_counted_and_raise_nothing(ask: Ask) -> None:
    odd: list[dict[str, Any]] = [
        {"id": 7, "time": "never", "actor": "me", "resource": [None], "kind": ["auth"]},
        {"outcome": "denied", "kind": "auth", "actor": {"id": "\x1b[31m<b>"}, "time": million.moment(MONDAY)},
        {"actor": {"id": ""}, "resource": [{"type": "", "id": ""}], "source": {"ip": ""}, "kind": "auth"},
    ]
    trail = ask(odd)
    assert trail.stats().total.events == 3
    trail.findings()
