"""What health and metrics say of the trail."""

from __future__ import annotations

import json
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from midwatch.audit import standing as standing_module
from midwatch.audit.anchors import AnchorState
from midwatch.audit.checkpoints import Checkpointer, CheckpointState
from midwatch.audit.counts import count, counts
from midwatch.audit.standing import Standing, standings
from midwatch.audit.stores import open_store
from midwatch.audit.writer import State, Writer
from midwatch.health import Check, HealthCheck
from midwatch.metrics import LatencyMetrics
from midwatch.testing import ScriptedApp

from .writer.shelf import DOWN, LONG, SERVICE, Shelf, body

GOOD = State(0, 0, 0, {}, 9, 0, 0, 0, 1.5, None, strict=True)
ANCHOR = AnchorState("log", 3, 2.0, 0, 0, 0, 0, failing=False)
MADE = CheckpointState(True, 3, 2.0, 60.0, 4, 0, None, 0, (ANCHOR,))


class Says:
    """A part that is in the state that a test wants."""

    def __init__(self, state: Any) -> None:
        self.now = state

    def state(self) -> Any:
        return self.now


@pytest.fixture(autouse=True)
def _no_other_trails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing_module, "_standings", weakref.WeakSet())


def check(state: State = GOOD, made: CheckpointState | None = MADE, *, strict: bool = False) -> tuple[str, str]:
    standing = Standing(Says(state), None if made is None else Says(made), strict=strict)
    result = standing.check()
    return result.status, result.output or ""


def test_a_trail_in_order_passes_and_says_when_the_store_took_something() -> None:
    result = Standing(Says(GOOD), Says(MADE), strict=True).check()
    assert result == ("pass", None, 1.5, "s")
    assert check(GOOD._replace(last_commit_age=None), None) == ("pass", "")


def test_it_fails_only_where_requests_need_the_store() -> None:
    down = GOOD._replace(failing_for=30.0, strict=False)
    assert check(down, strict=True) == ("fail", "the store has failed for 30 s")
    assert check(down) == ("warn", "the store has failed for 30 s")
    assert check(GOOD._replace(failing_for=0.2), strict=True)[0] == "warn"


@pytest.mark.parametrize(
    ("state", "made", "said"),
    [
        (GOOD._replace(spill_bytes=17), MADE, "17 bytes wait on disk"),
        (GOOD._replace(dropped={"read": 2, "security": 1}), MADE, "3 events were lost"),
        (GOOD, MADE._replace(age=400.0), "the last checkpoint is 400 s old"),
        (GOOD, MADE._replace(failing_for=9.0, age=400.0), "no checkpoint can be made for 9 s"),
        (GOOD, MADE._replace(shrunk=1), "events that a checkpoint has are gone from 1 streams"),
        (GOOD, MADE._replace(anchors=(ANCHOR._replace(failing=True),)), "log fails"),
        (GOOD, MADE._replace(anchors=(ANCHOR._replace(conflicts=1),)), "log has another checkpoint of the same number"),
        (GOOD, MADE._replace(anchors=(ANCHOR._replace(waiting=1, age=500.0),)), "log has had no checkpoint for 500 s"),
    ],
)
def test_what_is_of_concern_is_said_and_takes_nobody_out_of_service(
    state: State, made: CheckpointState, said: str
) -> None:
    status, output = check(state, made, strict=True)
    assert status == "warn"
    assert output.startswith(said)


def test_a_checkpoint_may_be_somewhat_late() -> None:
    assert check(made=MADE._replace(age=200.0))[0] == "pass"
    assert check(made=MADE._replace(age=None, n=None))[0] == "pass"
    assert check(made=MADE._replace(leads=False, anchors=(ANCHOR._replace(age=None, n=None),)))[0] == "pass"


def test_a_loss_is_a_concern_for_a_while() -> None:
    now = 0.0
    writer = Says(GOOD._replace(dropped={"read": 1}))
    standing = Standing(writer, clock=lambda: now)
    assert standing.check().status == "warn"
    now = 601.0
    assert standing.check().status == "pass"
    writer.now = GOOD._replace(dropped={"read": 2})
    assert standing.check().output == "2 events were lost"


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    made = Shelf()
    yield made
    made.fail(None)
    made.go_on()


@pytest.fixture
def writer(shelf: Shelf) -> Iterator[Writer]:
    made = Writer(shelf, service=SERVICE)
    yield made
    shelf.fail(None)
    made.close(LONG)


def ready(door: Any, app: Any, status: int) -> Any:
    """The answer once it has that *status*: checks run in the background."""
    end = time.monotonic() + LONG
    while (answer := door.call(app, path="/health/ready")).status != status:
        assert time.monotonic() < end
        time.sleep(0.01)  # as a prober does
    return answer


def test_health_fails_while_a_real_writer_has_no_store(
    door: Any, shelf: Shelf, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing_module, "BLIP", 0.3)
    standing = Standing(writer, strict=True)
    health = HealthCheck(checks={"audit": Check(standing.check, interval=0.05)})
    app = door.watch(ScriptedApp(), health)
    writer.put(body())
    assert writer.flush(LONG)
    answer = ready(door, app, 200)
    (said,) = json.loads(answer.body)["checks"]["audit"]
    assert said["status"] == "pass"
    shelf.fail(DOWN)
    writer.put(body(), mode="async")
    end = time.monotonic() + LONG
    while (writer.state().failing_for or 0) < 0.3:
        assert time.monotonic() < end
        time.sleep(0.02)  # it has to fail for that long: that is the promise
    answer = ready(door, app, 503)
    health.on_shutdown(0)
    assert "the store has failed for" in json.loads(answer.body)["checks"]["audit"][0]["output"]


def page(door: Any, accept: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    app = door.watch(ScriptedApp(), LatencyMetrics())
    answer = door.call(app, path="/metrics", headers=[("accept", accept)])
    assert answer.status == 200
    parse: Callable[[str], Any] = parse_openmetrics if "openmetrics" in accept else parse_text
    return {
        sample.name: [(one.labels, one.value) for one in family.samples if one.name == sample.name]
        for family in parse(answer.body.decode())
        for sample in family.samples
    }


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text; version=1.0.0"])
def test_the_figures_of_a_real_trail_are_on_the_page(door: Any, tmp_path: Path, accept: str) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    writer = Writer(open_store(url), service=SERVICE)
    checkpointer = Checkpointer(open_store(url), log="orders")
    standing = Standing(writer, checkpointer)
    try:
        writer.put(body())
        assert writer.flush(LONG)
        checkpointer.start()
        end = time.monotonic() + LONG
        while checkpointer.state().n is None:
            assert time.monotonic() < end
            time.sleep(0.01)  # another thread makes it, and tells nobody
        found = page(door, accept)
    finally:
        writer.close(LONG)
        checkpointer.close(LONG)
    assert found["midwatch_audit_stored_total"] == [({}, 2.0)]
    assert found["midwatch_audit_checkpoints_total"] == [({}, 1.0)]
    for name in ("queue_events", "queue_bytes", "spill_bytes", "store_failing_seconds", "shrunk_streams"):
        assert found[f"midwatch_audit_{name}"] == [({}, 0.0)]
    for name in ("last_commit_age_seconds", "checkpoint_age_seconds"):
        ((_, age),) = found[f"midwatch_audit_{name}"]
        assert 0 <= age < LONG
    assert standing.check().status == "pass"


def test_the_figures_of_several_trails_are_added_up(door: Any) -> None:
    lost = GOOD._replace(dropped={"read": 2}, last_commit_age=7.0)
    kept = [Standing(Says(state), Says(MADE)) for state in (GOOD, lost, lost)]
    found = page(door, "text/plain")
    assert found["midwatch_audit_stored_total"] == [({}, 27.0)]
    assert found["midwatch_audit_dropped_total"] == [({"class": "read"}, 4.0)]
    assert found["midwatch_audit_last_commit_age_seconds"] == [({}, 7.0)]
    assert found["midwatch_audit_anchor_age_seconds"] == [({"anchor": "log"}, 2.0)]
    assert found["midwatch_audit_anchor_failures_total"] == [({"anchor": "log"}, 0.0)]
    assert set(kept) <= set(standings())


def test_without_a_trail_that_has_a_store_there_are_none(door: Any) -> None:
    found = page(door, "text/plain")
    assert "midwatch_audit_stored_total" not in found
    assert "midwatch_audit_checkpoints_total" not in found


def test_events_are_counted_by_kind_and_outcome(door: Any) -> None:
    before = counts().get(("auth", "made up"), 0)
    count("auth", "made up")
    count("auth", "made up")
    found = page(door, "text/plain")
    assert ({"kind": "auth", "outcome": "made up"}, before + 2.0) in found["midwatch_audit_events_total"]
