"""`changes`: kept for the event that tells of them, and for no other request's."""

from __future__ import annotations

from typing import Any

from midwatch import Plugin
from midwatch.audit.api import record
from midwatch.audit.api_changes import changes, taken
from midwatch.audit.difference import CHANGES
from midwatch.testing import ScriptedApp


class Taking(Plugin):
    """Takes what waits, twice, when a request is over."""

    def __init__(self) -> None:
        self.taken: list[Any] = []

    def on_finish(self, exchange: Any) -> None:
        self.taken += [taken(exchange), taken(exchange)]


def test_they_wait_for_an_event_which_takes_them_once(door: Any) -> None:
    taking = Taking()

    def before() -> None:
        assert changes({"a": 1, "b": 1}, {"a": 2, "b": 1}) == {"a": (1, 2)}
        changes({"a": 2, "c": 1}, {"a": 3, "c": 2})

    app = door.watch(ScriptedApp(before=before), taking)
    door.call(app, "POST", "/")
    assert taking.taken == [{"a": (2, 3), "c": (1, 2)}, None]


def test_a_request_that_changes_nothing_has_none(door: Any) -> None:
    taking = Taking()

    def before() -> None:
        changes({"a": 1}, {"a": 1})

    door.call(door.watch(ScriptedApp(before=before), taking), "POST", "/")
    assert taking.taken == [None, None]


def test_no_more_wait_than_an_event_can_say(door: Any) -> None:
    taking = Taking()

    def before() -> None:
        for start in range(0, 1000, 50):
            changes({}, {f"f{number}": number for number in range(start, start + 50)})

    door.call(door.watch(ScriptedApp(before=before), taking), "POST", "/")
    assert len(taking.taken[0]) == CHANGES


def test_outside_of_a_request_they_are_handed_over(trail: Any) -> None:
    old, new = {"name": "a", "token": "hunter1"}, {"name": "b", "token": "hunter2"}
    record("order.rename", resource="order:1", changes=changes(old, new))
    assert "hunter" not in str(trail.lines)
    assert [change["field"] for change in trail.body["changes"]] == ["name", "token"]
