"""Each finding: what makes one, what does not, and what it says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.audit.query import Filter, Finding, Thresholds, Trail
from midwatch.audit.query.clients import family
from midwatch.audit.query.habits import dormant, spikes, unusual_hours

from . import million
from .trails import DAY, HOUR, MINUTE, MONDAY, login

Ask = Callable[[Iterable[dict[str, Any]]], Trail]

SECOND = million.SECOND


def kinds(found: list[Finding]) -> set[str]:
    return {finding.kind for finding in found}


def only(found: list[Finding], kind: str) -> Finding:
    (one,) = (finding for finding in found if finding.kind == kind)
    return one


def test_a_burst_names_its_numbers_and_its_events(ask: Ask) -> None:
    bodies = [login(number, MONDAY + number * 10 * SECOND, "eve", "failure") for number in range(12)]
    found = [one for one in ask(bodies).findings() if one.kind == "auth-burst"]
    assert {one.subject for one in found} == {"eve", "203.0.113.9"}
    assert all("12 failed authentications within 110 s" in one.sentence for one in found)
    assert found[0].events == tuple(body["id"] for body in bodies)
    assert (found[0].since, found[0].until) == (MONDAY, MONDAY + 110 * SECOND)


def test_failures_far_apart_are_no_burst(ask: Ask) -> None:
    assert ask([login(number, MONDAY + number * 5 * MINUTE, "eve", "failure") for number in range(12)]).findings() == []


def test_two_bursts_with_a_pause_are_two(ask: Ask) -> None:
    times = [MONDAY + start + number * SECOND for start in (0, 2 * HOUR) for number in range(10)]
    found = ask([login(number, time, "eve", "failure", "") for number, time in enumerate(times)]).findings()
    assert [one.numbers["failures"] for one in found] == [10, 10]


def test_spraying_is_told_once_and_not_as_a_burst_too(ask: Ask) -> None:
    found = ask([login(number, MONDAY + number * SECOND, f"u{number}", "failure") for number in range(30)]).findings()
    assert [(one.kind, one.severity, one.numbers["actors"]) for one in found] == [("spraying", "high", 30)]


def test_stuffing(ask: Ask) -> None:
    bodies = [login(number, MONDAY + number * SECOND, "eve", "failure", f"192.0.2.{number}") for number in range(6)]
    assert only(ask(bodies).findings(), "stuffing").numbers["addresses"] == 6


def test_a_success_after_failures_is_the_last_of_its_events(ask: Ask) -> None:
    outcomes = ["failure"] * 5 + ["success"]
    bodies = [login(number, MONDAY + number * SECOND, "eve", outcome) for number, outcome in enumerate(outcomes)]
    one = only(ask(bodies).findings(), "failures-then-success")
    assert one.events[-1] == bodies[-1]["id"]
    assert one.numbers["failures"] == 5


def refused(number: int, time: int, actor: str | None = None, status: int = 401, **more: Any) -> dict[str, Any]:
    who = {"type": "anonymous"} if actor is None else {"id": actor, "type": "user"}
    said = {"http": {"method": "POST", "status": status}, "outcome": "denied", "actor": who, "resource": []}
    return million.event(number, time, "", source={"ip": "203.0.113.9"}) | said | more


def test_requests_answered_with_401_are_failed_authentications(ask: Ask) -> None:
    bodies = [refused(number, MONDAY + number * SECOND) for number in range(12)]
    one = only(ask(bodies).findings(), "auth-burst")
    assert (one.subject, one.numbers["failures"]) == ("203.0.113.9", 12)


def test_as_many_users_they_are_spraying_and_count_before_a_success(ask: Ask) -> None:
    bodies = [refused(number, MONDAY + number * SECOND, f"u{number % 2}") for number in range(10)]
    bodies += [refused(10 + number, MONDAY + 20 * SECOND, f"v{number}") for number in range(4)]
    bodies.append(login(50, MONDAY + 30 * SECOND, "u1", "success"))
    assert kinds(ask(bodies).findings()) >= {"spraying", "failures-then-success"}


def test_requests_refused_otherwise_are_none(ask: Ask) -> None:
    assert ask([refused(number, MONDAY + number * SECOND, status=403) for number in range(12)]).findings() == []


def test_a_request_counts_once_though_recorded_and_amended(ask: Ask) -> None:
    bodies = []
    for number in range(6):
        trace = {"trace_id": f"{number + 1:032x}"}
        bodies += [
            login(3 * number, MONDAY + number * SECOND, "eve", "failure") | trace,
            refused(3 * number + 1, MONDAY + number * SECOND + 1000) | trace,
            refused(3 * number + 2, MONDAY + number * SECOND + 2000, amends="x") | trace,
        ]
    assert ask(bodies).findings() == []


def test_two_typing_errors_before_a_success_are_none(ask: Ask) -> None:
    outcomes = ["failure", "failure", "success"]
    bodies = [login(number, MONDAY + number * SECOND, "eve", outcome) for number, outcome in enumerate(outcomes)]
    assert ask(bodies).findings() == []


def test_a_new_address_of_somebody_known(ask: Ask) -> None:
    home = [million.event(number, MONDAY + number * DAY, "ann") for number in range(10)]
    away = million.event(50, MONDAY + 10 * DAY, "ann", source={"ip": "198.51.100.4"})
    one = only(ask([*home, away]).findings(), "new-address")
    assert (one.subject, one.events) == ("ann", (away["id"],))
    assert "198.51.100.4 for the first time in 10 days (1 other address known)" in one.sentence


def test_who_fails_to_be_somebody_is_not_them(ask: Ask) -> None:
    bodies = [million.event(number, MONDAY + number * DAY, "ann") for number in range(9)]
    bodies.append(login(50, MONDAY + 90 * DAY, "ann", "failure", "198.51.100.4"))
    assert ask(bodies).findings() == []


def test_a_newcomer_has_no_news(ask: Ask) -> None:
    bodies = [million.event(number, MONDAY + number * HOUR, "new", source={"ip": f"::{number}"}) for number in range(5)]
    assert ask(bodies).findings() == []


def test_who_is_everywhere_is_nowhere_new(ask: Ask) -> None:
    bodies = [million.event(number, MONDAY + number * DAY, "ann", source={"ip": f"::{number}"}) for number in range(40)]
    assert "new-address" not in kinds(ask(bodies).findings())


def test_a_new_action(ask: Ask) -> None:
    bodies = [million.event(number, MONDAY + number * DAY, "ann") for number in range(9)]
    bodies.append(million.event(50, MONDAY + 9 * DAY, "ann", action="users.delete"))
    assert only(ask(bodies).findings(), "new-action").numbers["action"] == "users.delete"


def test_a_dormant_account(ask: Ask) -> None:
    bodies = [million.event(0, MONDAY, "old"), million.event(1, MONDAY + 70 * DAY, "old")]
    one = only(ask(bodies).findings(), "dormant")
    assert (one.numbers["days"], one.events) == (70, (bodies[1]["id"],))


def test_a_mass_read_counts_different_resources(ask: Ask) -> None:
    numbers = count()
    many = [
        million.event(next(numbers), MONDAY + at * SECOND, who, resource=[{"type": "o", "id": str(at % wide)}])
        for who, wide in (("thief", 250), ("poller", 3))
        for at in range(250)
    ]
    one = only(ask(many).findings(), "mass-read")
    assert (one.subject, one.numbers["resources"], one.severity) == ("thief", 250, "high")


def test_only_what_is_wanted_is_told_with_habits_from_before(ask: Ask) -> None:
    bodies = [million.event(number, MONDAY + number * DAY, "ann") for number in range(9)]
    bodies.append(million.event(50, MONDAY + 9 * DAY, "ann", action="users.delete"))
    trail = ask(bodies)
    assert kinds(trail.findings(Filter(since=MONDAY + 9 * DAY))) == {"new-action"}
    assert trail.findings(Filter(since=MONDAY + 9 * DAY + 1)) == []
    assert trail.findings(Filter(until=MONDAY + 9 * DAY)) == []


def test_there_are_never_more_of_a_kind_than_wanted(ask: Ask) -> None:
    bodies = [million.event(n, MONDAY + n // 9 * DAY, f"u{n % 9}") for n in range(81)]
    bodies += [million.event(100 + n, MONDAY + 9 * DAY, f"u{n}", action="x") for n in range(9)]
    assert len(ask(bodies).findings(thresholds=Thresholds(most=4))) == 4


WORK = [(day * 24 + hour, 3) for day in range(4, 4 + 28) if day % 7 not in (2, 3) for hour in range(9, 17)]
"""Four weeks of eight hours on five days."""


def test_the_middle_of_the_night_is_unusual_and_overtime_is_not() -> None:
    night, late = (32 + 1) * 24 + 3, (32 + 1) * 24 + 17
    (one,) = unusual_hours("ann", [*WORK, (night, 2)], night, Thresholds())
    assert "did 2 things on" in one.sentence
    assert "03:00 UTC, an hour with 0 of the" in one.sentence
    assert not list(unusual_hours("ann", [*WORK, (late, 2)], late, Thresholds()))


def test_who_is_there_around_the_clock_has_no_unusual_hour() -> None:
    hours = [(hour, 1) for hour in range(24 * 60)]
    assert not list(unusual_hours("robot", hours, 0, Thresholds()))


def test_a_busy_day_is_a_spike_and_a_usual_one_is_none() -> None:
    hours = [(day * 24 + 9, 40 + day % 5) for day in range(20)]
    (one,) = spikes("ann", [*hours, (20 * 24, 400)], 0, Thresholds())
    assert (one.numbers["events"], one.numbers["median"]) == (400, 42)
    assert not list(spikes("ann", [*hours, (20 * 24, 55)], 0, Thresholds()))


@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 10_000)), max_size=60, unique_by=lambda one: one[0]),
    st.integers(0, 10_000),
)
def test_no_habit_raises_or_is_told_from_before(hours: list[tuple[int, int]], begin: int) -> None:
    hours.sort()
    for check in (unusual_hours, spikes, dormant):
        for one in check("a", hours, begin, Thresholds(habit=1, habit_days=0, spike_events=1)):
            assert one.until > begin * HOUR


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "Chrome"),
        ("Mozilla/5.0 (Macintosh) Version/18.0 Safari/605.1.15", "Safari"),
        ("curl/8.9.1", "curl"),
        ("python-requests/2.32", "python-requests"),
        ("", ""),
        ("/", ""),
    ],
)
def test_versions_of_one_client_are_one(agent: str, name: str) -> None:
    assert family(agent) == name


@given(st.text(max_size=200))
def test_any_user_agent_has_a_short_plain_name(agent: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]{0,40}", family(agent))
