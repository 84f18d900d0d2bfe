"""Events arrive at a tracker in its own protocol, as many as it wants, and what is left out is counted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from midwatch import Tracing, flush
from midwatch.delivery import losses
from midwatch.errors import ErrorReport
from midwatch.errors.destinations.sentry import Sentry, sentry_to
from midwatch.errors.destinations.sentry.address import Tracker as Address
from midwatch.errors.frames import is_in_app
from midwatch.errors.ledger import Sighting
from midwatch.errors.occurrence import Occurrence
from midwatch.service import Service
from midwatch.testing import ScriptedApp

from .tracker import Answer, Tracker


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Told(Exception):
    """Counts how often it is asked what it says."""

    asked = 0

    def __str__(self) -> str:
        self.asked += 1
        return "told"


def occurrence(error: BaseException | None = None, group: str = "v1:0") -> Occurrence:
    error = error or ValueError("no such size")
    return Occurrence(error, None, "request", group, Sighting(3, 1_700_000_000.0, None), 1_700_000_000.25, is_in_app)


def aimed(tracker: Tracker, clock: Clock | None = None, **parameters: Any) -> Sentry:
    return Sentry(Address.of(tracker.url(**parameters)), Service("orders", "1.4.2", "production"), clock or Clock())


def limited(status: int, **headers: str) -> Answer:
    return Answer(status, tuple((name.replace("_", "-"), value) for name, value in headers.items()))


@pytest.fixture
def tracker() -> Iterator[Tracker]:
    found = Tracker()
    yield found
    found.stop()


def test_an_event_arrives_in_an_envelope(tracker: Tracker) -> None:
    """The path, the key and our name are where the protocol has them, and the secret is in the header alone."""
    sentry = aimed(tracker)
    sentry.take(occurrence())
    (one,) = tracker.until(1)
    assert one.path == "/api/7/envelope/"
    assert one.headers["content-type"] == "application/x-sentry-envelope"
    assert one.headers["content-encoding"] == "gzip"
    assert re.fullmatch(
        r"Sentry sentry_version=7, sentry_client=midwatch/[0-9][\w.]*, sentry_key=abc123, sentry_secret=s3cr3t",
        one.headers["x-sentry-auth"],
    )
    assert one.head["dsn"] == f"http://abc123@127.0.0.1:{tracker.port}/7"
    assert one.head["event_id"] == one.event["event_id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", one.head["sent_at"])
    assert [header["type"] for header, _ in one.items] == ["event"]
    assert one.event["fingerprint"] == ["v1:0"]
    assert flush()
    assert (sentry.channel.sent, sentry.channel.dropped) == (1, 0)


@pytest.mark.parametrize(
    ("answer", "pause"),
    [
        pytest.param(limited(429), 60, id="silent"),
        pytest.param(limited(429, Retry_After="30"), 30, id="retry-after"),
        pytest.param(limited(429, X_Sentry_Rate_Limits="90::key", Retry_After="5"), 90, id="all"),
        pytest.param(limited(429, X_Sentry_Rate_Limits="90:transaction:key", Retry_After="5"), 5, id="other-category"),
        pytest.param(limited(429, X_Sentry_Rate_Limits="soon", Retry_After="later"), 60, id="nonsense"),
        pytest.param(limited(200, X_Sentry_Rate_Limits="7:error;default:org:quota"), 7, id="taken"),
        pytest.param(limited(400, X_Sentry_Rate_Limits="7:error"), 7, id="refused"),
        pytest.param(limited(503, X_Sentry_Rate_Limits="7:error"), 7, id="busy"),
    ],
)
def test_a_tracker_that_asks_for_a_pause_gets_one(tracker: Tracker, answer: Answer, pause: float) -> None:
    """Nothing is made in the meantime; what was left out is counted, and told with the first event after it."""
    clock = Clock()
    sentry = aimed(tracker, clock)
    tracker.answers.append(answer)
    sentry.take(occurrence())
    tracker.until(1)
    assert flush()
    clock.now += pause - 0.001
    before = losses.get(f"errors beyond the limit of {sentry._tracker.name}", 0)
    error = Told()
    for _ in range(4):
        sentry.take(occurrence(error))
    assert error.asked == 0
    assert losses[f"errors beyond the limit of {sentry._tracker.name}"] == before + 4
    clock.now += 0.002
    sentry.take(occurrence(error))
    last = tracker.until(2)[-1]
    assert last.discarded["ratelimit_backoff"] == 4
    assert last.event["exception"]["values"][-1]["value"] == "told"
    assert len(tracker.received) == 2


def test_a_pause_for_other_kinds_is_none_for_errors(tracker: Tracker) -> None:
    sentry = aimed(tracker)
    tracker.answers.append(limited(200, X_Sentry_Rate_Limits="86400:transaction;span:organization"))
    sentry.take(occurrence())
    tracker.until(1)
    assert flush()
    sentry.take(occurrence())
    assert tracker.until(2)[1].discarded == {}


def test_what_waits_when_a_pause_begins_is_dropped(tracker: Tracker) -> None:
    """The limit holds for the queue, too; what the tracker refused itself it has counted itself."""
    clock, hang = Clock(), Event()
    sentry = aimed(tracker, clock)
    tracker.answers.append(Answer(429, hang=hang))
    sentry.take(occurrence())
    tracker.until(1)
    sentry.take(occurrence())
    sentry.take(occurrence())
    hang.set()
    assert flush()
    assert (sentry.channel.sent, sentry.channel.dropped) == (0, 3)
    clock.now += 61
    sentry.take(occurrence())
    assert tracker.until(2)[1].discarded == {"ratelimit_backoff": 2}


@pytest.mark.parametrize("status", [400, 403, 404, 413, 500])
def test_what_a_tracker_refuses_is_not_sent_again(tracker: Tracker, status: int) -> None:
    sentry = aimed(tracker)
    tracker.answers.append(Answer(status))
    sentry.take(occurrence())
    tracker.until(1)
    assert flush()
    assert (sentry.channel.sent, sentry.channel.dropped) == (0, 1)
    sentry.take(occurrence())
    first, second = tracker.until(2)
    assert first.event["event_id"] != second.event["event_id"]
    assert second.discarded == {"send_error": 1}


@pytest.mark.parametrize("answer", [Answer(503), Answer(502), Answer(close=True)], ids=["503", "502", "closed"])
def test_what_may_not_have_arrived_is_sent_again(tracker: Tracker, answer: Answer) -> None:
    """With its id, so that a tracker which has it keeps one; and so is the report that went with it."""
    sentry = aimed(tracker, burst=1)
    sentry.take(occurrence())
    tracker.until(1)
    tracker.answers += [answer, answer]
    sentry.take(occurrence())
    sentry.take(occurrence(group="v1:1"))
    again = tracker.until(4)[1:]
    assert len({one.head["event_id"] for one in again}) == 1
    assert [one.discarded for one in again] == [{"sample_rate": 1}] * 3
    assert flush()
    assert (sentry.channel.sent, sentry.channel.dropped) == (2, 0)


def test_what_never_arrives_is_given_up_and_told(tracker: Tracker) -> None:
    sentry = aimed(tracker, give_up=0.001)
    tracker.answers += [Answer(close=True)] * 2
    sentry.take(occurrence())
    tracker.until(2)
    assert flush()
    assert sentry.channel.dropped == 1
    sentry.take(occurrence())
    assert tracker.until(3)[2].discarded == {"network_error": 1}


def test_a_tracker_that_hangs_keeps_nobody(tracker: Tracker) -> None:
    """Requests go on; what does not fit is not even made, is counted, and told."""
    hang = Event()
    sentry = aimed(tracker, queue=3, burst=1000)
    tracker.answers.append(Answer(hang=hang))
    sentry.take(occurrence())
    tracker.until(1)
    error = Told()
    for _ in range(50):
        sentry.take(occurrence(error))
    assert error.asked == 2
    hang.set()
    assert flush()
    assert (sentry.channel.sent, sentry.channel.dropped) == (3, 0)
    assert losses[f"errors beyond the queue of {sentry._tracker.name}"] == 48
    assert sum(one.discarded.get("queue_overflow", 0) for one in tracker.received) == 48


def test_a_tracker_that_never_answers_costs_its_timeout(tracker: Tracker) -> None:
    hang = Event()
    sentry = aimed(tracker, timeout=0.1)
    tracker.answers.append(Answer(hang=hang))
    sentry.take(occurrence())
    first, second = tracker.until(2)
    assert first.event == second.event
    assert flush()
    assert sentry.channel.sent == 1
    hang.set()


def test_a_storm_is_a_handful_of_each_kind(tracker: Tracker) -> None:
    """Five of each kind, then one every ten seconds; the rest is made into no event, and told."""
    clock = Clock()
    sentry = aimed(tracker, clock)
    error = Told()
    for number in range(3000):
        sentry.take(occurrence(error, f"v1:{number % 3}"))
    assert error.asked == 15
    tracker.until(15)
    clock.now += 10
    for number in range(3000):
        sentry.take(occurrence(error, f"v1:{number % 3}"))
    tracker.until(18)
    sentry.close(1)
    assert flush()
    assert sum(one.discarded.get("sample_rate", 0) for one in tracker.received) == 6000 - 18
    assert len(tracker.events) == 18
    assert len({event["event_id"] for event in tracker.events}) == 18


def test_the_end_tells_what_was_left_out(tracker: Tracker) -> None:
    """With no event to go with it; and nothing where there is nothing to tell."""
    sentry = aimed(tracker, burst=1)
    sentry.take(occurrence())
    sentry.close(1)
    assert flush()
    sentry.take(occurrence())
    sentry.close(1)
    assert flush()
    first, last = tracker.received
    assert first.discarded == {}
    assert last.discarded == {"sample_rate": 1}
    assert [header["type"] for header, _ in last.items] == ["client_report"]
    assert "event_id" not in last.head
    sentry.close(1)
    assert flush()
    assert len(tracker.received) == 2


def test_an_application_answers_while_its_tracker_hangs(door: Any, tracker: Tracker) -> None:
    hang = Event()
    tracker.answers.append(Answer(hang=hang))
    error = ValueError("no such size")

    def fail() -> None:
        raise error

    app = door.watch(ScriptedApp(before=fail), Tracing(), ErrorReport(to=[aimed(tracker)]))
    answer = door.call(app, "GET", "/orders/7", headers=[("host", "shop.example:8443"), ("x-request-id", "abc-1")])
    assert answer.error is error
    event = tracker.until(1)[0].event
    assert event["request"]["url"] == "http://shop.example:8443/orders/7"
    assert event["tags"]["request_id"] == "abc-1"
    hang.set()
    assert flush()


def test_who_names_the_same_tracker_shares_it() -> None:
    url = "sentry://abc@bugs.example/1"
    assert sentry_to(url, Service("a")) is sentry_to(url, Service("a"))
    assert sentry_to(url, Service("a")) is not sentry_to(url, Service("b"))


FORKS = """
import os, sys
from errors.test_sentry import Sentry, Address, Service, Clock, occurrence, flush
sentry = Sentry(Address.of(sys.argv[1]), Service("forks"), Clock())
sentry.take(occurrence())
assert flush()
sentry.take(occurrence())
child = os.fork()
sentry.take(occurrence(group=f"v1:{'child' if child == 0 else 'parent'}"))
assert flush()
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


def test_a_forked_child_tells_only_what_is_its_own(tracker: Tracker) -> None:
    """It sends over a connection of its own, and what its parent left out, its parent tells."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "-c", FORKS, tracker.url(burst=1)], check=True, env=environment, timeout=60)
    told = {one.event["fingerprint"][0]: one.discarded for one in tracker.until(3)}
    assert told == {"v1:0": {}, "v1:child": {}, "v1:parent": {"sample_rate": 1}}
