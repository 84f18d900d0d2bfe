"""`deliveries` and `audit`: what Midwatch says of itself."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from midwatch import delivery
from midwatch.delivery import Channel
from midwatch.health.builtin import audit
from midwatch.health.builtin.audit import Audit
from midwatch.health.builtin.deliveries import RECENT, Deliveries
from midwatch.health.result import Result

from .conftest import look

if TYPE_CHECKING:
    import pytest


class Hours:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class TestDeliveries:
    def test_nothing_to_say(self) -> None:
        found = look("deliveries")
        assert (found.status, found.observed, found.unit) == ("pass", 0, "items")

    def test_what_waits_is_counted_and_warned_of(self) -> None:
        go, began = threading.Event(), threading.Event()

        def slow(items: list[Any]) -> None:
            began.set()
            go.wait(20)

        channel = Channel[int]("https://user:not-a-secret@logs.example", slow, apart=True)
        delivery.channels.add(channel)
        for number in range(5):
            channel.put(number)
        assert began.wait(20)
        found = Deliveries({"pending": 5})()
        assert (found.status, found.output, found.observed) == ("warn", "5 items wait", 5)
        assert Deliveries({"pending": 6})().status == "pass"
        go.set()
        assert delivery.flush(20)
        assert Deliveries({"pending": 1})().status == "pass"

    def test_a_destination_that_fails_is_not_named(self) -> None:
        fails, tried = threading.Event(), threading.Event()

        def failing(items: list[Any]) -> None:
            tried.set()
            if not fails.is_set():
                raise OSError("https://user:not-a-secret@logs.example is away")

        channel = Channel[int]("https://user:not-a-secret@logs.example", failing, apart=True)
        delivery.channels.add(channel)
        channel.put(1)
        assert tried.wait(20)
        with channel.worker.held(20):
            found = look("deliveries")
        assert (found.status, found.output) == ("warn", "destinations that fail: 1")
        fails.set()
        assert delivery.flush(20)
        assert look("deliveries").status == "pass"

    def test_losses_are_a_concern_while_they_are_recent(self, deliveries: dict[str, int]) -> None:
        hours = Hours()
        check = Deliveries({}, hours)
        assert check().status == "pass"
        deliveries["spans"] = 3
        assert check().output == "3 items were lost"
        hours.now += RECENT - 1
        assert check().status == "warn"
        hours.now += 1
        assert check().status == "pass"
        deliveries["spans"] += 1
        assert check().output == "4 items were lost"

    def test_a_forked_child_counts_its_own(self, deliveries: dict[str, int]) -> None:
        hours = Hours()
        check = Deliveries({}, hours)
        deliveries["spans"] = 3
        check()
        hours.now += RECENT
        deliveries.clear()
        deliveries["spans"] = 1
        assert check().status == "pass"
        deliveries["spans"] += 1
        assert check().status == "warn"


class TestAudit:
    def test_a_process_without_a_store_passes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(audit, "standings", list)
        found = Audit({})()
        assert (found.status, found.observed) == ("pass", "there is no store")

    def test_the_worst_of_several_trails_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Says:
            def __init__(self, *result: Any) -> None:
                self.check = lambda: Result(*result)

        trails = [Says("pass"), Says("fail", "the store has failed for 9 s", 9.0, "s"), Says("warn", "old")]
        monkeypatch.setattr(audit, "standings", lambda: trails)
        assert Audit({})() == Result("fail", "the store has failed for 9 s", 9.0, "s")
