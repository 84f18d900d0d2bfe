"""The health of the service, for Prometheus."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from midwatch.health import Check, HealthCheck, engine
from midwatch.health.figures import families
from midwatch.metrics.own import OwnFigures
from midwatch.metrics.slots import Slot
from midwatch.metrics.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from midwatch.health.checks import CheckLike


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine of other tests is seen."""
    monkeypatch.setattr(engine, "_engines", type(engine._engines)())


class Collected:
    def collect(self) -> Any:
        return families()


def samples(collector: Any = None) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(collector or Collected())
    lines = generate_latest(registry).decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_nothing_without_checks() -> None:
    health = HealthCheck()
    assert samples() == {}
    del health


def test_figures(stepped: Any) -> None:
    """Status, time and duration of each check, its changes, and the status of each group."""
    answers: list[object] = [True, False, True]
    checks: dict[str, CheckLike] = {
        "db": lambda: answers.pop(0),
        "stock": Check(lambda: "warn", ("live",)),
        "far": Check(dir, scope="shared"),
    }
    health = HealthCheck(checks=checks)
    assert 'health_check_status{check="db"}' not in samples()
    assert samples()['health_state{group="ready"}'] == 0
    stepped.run(health)
    stepped.run(health)
    found = samples()
    assert found['health_check_status{check="db"}'] == 0
    assert found['health_check_status{check="stock"}'] == 0.5
    assert found['health_transitions_total{check="db",to="fail"}'] == 1
    assert found['health_state{group="ready"}'] == 0
    assert found['health_state{group="live"}'] == 0.5
    assert found['health_state{group="health"}'] == 0
    assert found['health_check_duration_seconds{check="db"}'] >= 0
    assert abs(found['health_check_last_run_timestamp_seconds{check="db"}'] - time.time()) < 60
    stepped.run(health)
    assert samples()['health_transitions_total{check="db",to="pass"}'] == 1


def test_stale(stepped: Any) -> None:
    """What is too old to say anything is no pass."""
    now = [0.0]
    health = HealthCheck(checks={"db": lambda: True}, clock=lambda: now[0])
    stepped.run(health)
    assert samples()['health_check_status{check="db"}'] == 1
    now[0] = 31.0
    assert samples()['health_check_status{check="db"}'] == 0
    assert samples()['health_transitions_total{check="db",to="unknown"}'] == 1


def test_two_of_one_name(stepped: Any) -> None:
    """A name twice would make the page one that nobody can read: the worse of them is shown."""
    one, other = HealthCheck(checks={"db": lambda: True}), HealthCheck(checks={"db": lambda: False})
    stepped.run(one)
    stepped.run(other)
    assert samples()['health_check_status{check="db"}'] == 0


def test_all_workers(stepped: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several workers the worst is shown, the oldest run, and the changes of all."""
    slots = Slot(tmp_path), Slot(tmp_path)
    answers: list[object] = [True, False, True, False]
    for slot, said in zip(slots, (lambda: True, lambda: answers.pop(0)), strict=True):
        monkeypatch.setattr(engine, "_engines", type(engine._engines)())
        health = HealthCheck(checks={"db": said})
        figures = OwnFigures(Store(slot), (families,))
        for _ in range(4):
            stepped.run(health)
            figures.turn()
    found = samples(Store(slots[0]))
    assert found['health_check_status{check="db"}'] == 0
    assert found['health_state{group="ready"}'] == 0
    assert found['health_transitions_total{check="db",to="fail"}'] == 2
    assert found['health_transitions_total{check="db",to="pass"}'] == 1
    for slot in slots:
        slot.close()


def test_the_oldest_run_is_shown(tmp_path: Path) -> None:
    """A worker whose checks have stopped is not hidden by the others."""
    slots = Slot(tmp_path), Slot(tmp_path)
    for slot, wall in zip(slots, (100.0, 200.0), strict=True):
        ran = GaugeMetricFamily("health_check_last_run_timestamp_seconds", "When.", labels=("check",))
        ran.add_metric(("db",), wall)
        OwnFigures(Store(slot), (lambda ran=ran: [ran],)).turn()  # type: ignore[misc]
    assert samples(Store(slots[0]))['health_check_last_run_timestamp_seconds{check="db"}'] == 100
    for slot in slots:
        slot.close()
