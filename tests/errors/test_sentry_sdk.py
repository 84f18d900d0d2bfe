"""Beside sentry-sdk, each exception is one event: the SDK's where it sends, with our ids; ours where it does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .tracker import Envelope, Tracker

pytest.importorskip("sentry_sdk")

SCRIPT = Path(__file__).parent / "beside_sdk.py"
SDK = "/api/7/envelope/"
OURS = "/api/8/envelope/"

ONCE = (
    "fastapi handler", "fastapi threadpool", "fastapi background", "fastapi group", "fastapi reraised",
    "fastapi stream", "flask handler", "flask stream", "bare asgi", "bare wsgi", "bare thread",
)  # fmt: skip


class Beside:
    """What one run of the applications has said and sent."""

    def __init__(self, when: str) -> None:
        self.when = when
        tracker = Tracker()
        try:
            dsn = f"http://abc@127.0.0.1:{tracker.port}/7"
            ours = f"sentry+http://abc@127.0.0.1:{tracker.port}/8"
            run = subprocess.run(
                [sys.executable, SCRIPT, when, dsn, ours],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
                env=os.environ | {"SENTRY_DSN": ""},
            )
            assert run.returncode == 0, run.stderr[-2000:]
            self.said: dict[str, Any] = json.loads(run.stdout)
            self.received: list[Envelope] = tracker.received
        finally:
            tracker.stop()

    def items(self, path: str, kind: str) -> list[dict[str, Any]]:
        found = [item for one in self.received if one.path == path for item in one.items if item[0]["type"] == kind]
        return [payload if isinstance(payload, dict) else json.loads(payload) for _, payload in found]

    def events(self, path: str) -> dict[str, list[dict[str, Any]]]:
        """By what they say."""
        found: dict[str, list[dict[str, Any]]] = {}
        for event in self.items(path, "event"):
            values = event.get("exception", {}).get("values") or [{"value": f"a message: {event.get('logentry')}"}]
            found.setdefault(values[-1]["value"].partition(" (")[0], []).append(event)
        return found


@pytest.fixture(scope="module", params=["before", "after"])
def beside(request: pytest.FixtureRequest) -> Beside:
    return Beside(request.param)


def test_each_exception_is_one_event_and_the_sdk_sends_it(beside: Beside) -> None:
    """However often it is raised again, logged, or captured; and no line of ours becomes an event."""
    counts = {said: len(events) for said, events in beside.events(SDK).items()}
    assert counts == dict.fromkeys(ONCE, 1) | {"raised again": 2, "outside": 1}
    assert beside.events(OURS) == {}
    assert beside.said["failures"] == {}


def test_its_events_have_our_ids(beside: Beside) -> None:
    for said in ONCE[:-1]:  # The thread of the last one was started with no context.
        (event,) = beside.events(SDK)[said]
        tags = dict(event["tags"])
        assert tags["request_id"] == beside.said["ids"][said]["request_id"], said
        assert tags["trace_id"] == beside.said["ids"][said]["trace_id"], said
        assert len(tags["span_id"]) == 16
        # What is captured deep within the application has not gone through all of its frames yet.
        deep = said in {"fastapi threadpool", "fastapi reraised"}
        assert deep or tags["midwatch.fingerprint"] in beside.said["fingerprints"], said


def test_an_exception_outside_of_a_request_has_its_fingerprint(beside: Beside) -> None:
    (event,) = beside.events(SDK)["outside"]
    assert dict(event["tags"])["midwatch.fingerprint"] in beside.said["fingerprints"]
    assert "request_id" not in event["tags"]


def test_what_nobody_captured_says_its_request(beside: Beside) -> None:
    """As our own events do: without values of the query."""
    (event,) = beside.events(SDK)["bare asgi"]
    assert event["request"]["url"] == "http://testserver/orders"
    assert event["request"]["query_string"] == "token=REDACTED"
    assert "c4n4ry" not in json.dumps(event["request"])
    assert [value["type"] for value in event["exception"]["values"]] == ["KeyError", "ValueError"]
    mechanism = event["exception"]["values"][-1]["mechanism"]
    assert (mechanism["type"], mechanism["handled"]) == ("midwatch", False)


def test_its_own_transactions_go_on(beside: Beside) -> None:
    """An event of a request that the SDK traces is in its trace; where it traces nothing, the trace is ours."""
    events = beside.events(SDK)
    transactions = beside.items(SDK, "transaction")
    if beside.when == "after":
        assert transactions == []
        for said in ("bare asgi", "bare wsgi"):
            assert events[said][0]["contexts"]["trace"]["trace_id"] == beside.said["ids"][said]["trace_id"]
        return
    traced = {one["contexts"]["trace"]["trace_id"]: one["transaction"] for one in transactions}
    assert len(traced) == len(transactions) == 8
    for said in ONCE[:8]:
        (event,) = events[said]
        transaction = traced[event["contexts"]["trace"]["trace_id"]]
        # Of a stream, the SDK has forgotten what it is; we have not.
        assert event["transaction"] == ("GET /stream" if said == "flask stream" else transaction), said
    assert not any("midwatch.fingerprint" in one.get("tags", {}) for one in transactions)


@pytest.mark.parametrize("when", ["mute", "absent"])
def test_without_an_sdk_that_sends_the_events_are_ours(when: str) -> None:
    """One that has been given no address is active and sends nothing. One that is absent is not loaded by us."""
    found = Beside(when)
    counts = {said: len(events) for said, events in found.events(OURS).items()}
    assert counts == dict.fromkeys(ONCE, 1) | {"raised again": 2, "outside": 1}
    assert found.events(SDK) == {}
    assert found.said["loaded"] == (when == "mute")
    assert found.said["failures"] == {}
