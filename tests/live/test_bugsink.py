"""Errors of real servers, in a real tracker: stored, grouped as we group them, and without secrets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .services import GUNICORN, UVICORN, Services
from .trackers import CANARY, Bugsink, ask, needed, ours, running

pytestmark = pytest.mark.live

KINDS = ("reserve", "look-up", "fan-out")
MANY = 12


@pytest.fixture
def bugsink(tmp_path: Path) -> Iterator[Bugsink]:
    needed("bugsink")
    folder = tmp_path / "bugsink"
    folder.mkdir()
    yield from running(Bugsink.start(folder))


@pytest.mark.parametrize(("server", "app"), [(UVICORN, "failing"), (GUNICORN, "failing_flask")], ids=["asgi", "wsgi"])
def test_three_kinds_of_errors_are_three_issues(tmp_path: Path, bugsink: Bugsink, server: list[str], app: str) -> None:
    """However often, with whatever message; five of each are sent, and what is said of them is true."""
    with Services(tmp_path) as services:
        url = services.start(server, app, TRACKER=ours(bugsink.dsn), CANARY=CANARY)
        for number in range(MANY):
            for kind in KINDS:
                ask(url, kind, number)
    issues = bugsink.issues()
    assert len(issues) == 3
    assert sorted(issue["digested_event_count"] for issue in issues) == [5, 5, 5]
    assert "event data validation failed" not in bugsink.process.said()
    raw = bugsink.raw()
    assert raw.count(b'"type":"event"') == 15
    assert CANARY.encode() not in raw
    events = bugsink.events()
    assert len(events) == 15
    assert {event["release"] for event in events} == {"shop@1.4.2"}
    assert {event["environment"] for event in events} == {"live"}
    check_causes([event for event in events if "look-up" in event["transaction"]])
    check_groups([event for event in events if "fan-out" in event["transaction"]])
    reserve = [event for event in events if "reserve" in event["transaction"]]
    for event in reserve:
        frames = event["exception"]["values"][-1]["stacktrace"]["frames"]
        assert [frame["function"] for frame in frames if frame["in_app"]][-1] == "reserve"
        assert frames[-1]["context_line"].strip().startswith("raise OutOfStock(")
        assert "vars" not in frames[-1]
        assert not frames[0]["in_app"]
        assert event["request"]["url"].startswith(url)
        assert event["tags"]["request_id"]
    assert "failing.py" in bugsink.stack()


def check_causes(events: list[dict[str, Any]]) -> None:
    assert len(events) == 5
    for event in events:
        cause, error = event["exception"]["values"]
        assert (cause["type"], error["type"]) == ("KeyError", "LookupError")
        assert cause["mechanism"]["source"] == "__cause__"
        assert "[redacted]" in cause["value"]


def check_groups(events: list[dict[str, Any]]) -> None:
    assert len(events) == 5
    for event in events:
        values = event["exception"]["values"]
        assert [value["type"] for value in values] == ["OutOfStock", "OutOfStock", "ExceptionGroup"]
        assert values[-1]["mechanism"]["is_exception_group"] is True
        assert {value["mechanism"]["source"] for value in values[:2]} == {"exceptions[0]", "exceptions[1]"}


def test_a_tracker_that_has_enough_is_left_alone(tmp_path: Path) -> None:
    """Its limit is obeyed: it hears of the first event that is beyond it, and then of none."""
    needed("bugsink")
    folder = tmp_path / "bugsink"
    folder.mkdir()
    bugsink = Bugsink.start(folder, MAX_EVENTS_PER_PROJECT_PER_5_MINUTES=8)
    try:
        with Services(tmp_path) as services:
            url = services.start(UVICORN, "failing", TRACKER=ours(bugsink.dsn, burst=100), CANARY=CANARY)
            for number in range(30):
                ask(url, "reserve", number)
        assert len(bugsink.events()) == 8
        posts = bugsink.process.said().count("POST /api/1/envelope/")
        assert posts == 9
    finally:
        bugsink.process.stop()
