"""Objectives: what is good, how fast the budget burns, and that counters may begin again."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from midwatch import ASGIMiddleware
from midwatch.health.result import Status
from midwatch.metrics import LatencyMetrics
from midwatch.metrics.pulse import Pulse
from midwatch.objectives import Objective, Objectives
from midwatch.objectives.increase import Increases
from midwatch.testing import ScriptedApp, call_asgi

if TYPE_CHECKING:
    from pathlib import Path

BOUNDS = (0.1, 0.25, 1.0)

QUICK, MIDDLING, SLOW, SLOWEST = ([int(index == bucket) for index in range(4)] for bucket in range(4))


class Series(NamedTuple):
    """As `LatencyMetrics.counted` gives them."""

    method: str = "GET"
    route: str = "/orders/{id}"
    status: str = "200"
    error_type: str = ""
    counts: tuple[int, ...] = (0, 0, 0, 0)
    seconds: float = 0.0


class Service:
    """Requests that are counted, and a clock that is moved by hand."""

    def __init__(self, *objectives: Objective, **options: Any) -> None:
        self.now = 1000.0
        self.counted: dict[tuple[str, str, str, str], list[int]] = {}
        self.objectives = Objectives(objectives, self.read, BOUNDS, lambda: self.now, **options)
        self.objectives.turn()

    def read(self) -> list[Series]:
        return [Series(*labels, tuple(counts)) for labels, counts in self.counted.items()]

    def serve(self, counts: list[int], times: int = 1, **labels: str) -> None:
        key = Series(**labels)[:4]  # type: ignore[arg-type]
        before = self.counted.get(key, [0] * len(counts))
        self.counted[key] = [old + times * new for old, new in zip(before, counts, strict=True)]

    def after(self, seconds: float) -> None:
        """Let time pass as the pulse does."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(self.now + 10, until)
            self.objectives.turn()

    def window(self, window: str, name: str = "orders") -> dict[str, Any]:
        found: dict[str, Any] = self.objectives.block()[1][name]["windows"][window]
        return found


def orders(within: float | None = None, target: float = 0.99) -> Objective:
    return Objective("orders", ("GET /orders/{id}",), within, target)


def test_good_and_bad() -> None:
    """An answer without an error is good; an error is not, by its status or exception; who left is neither."""
    service = Service(orders())
    service.serve(QUICK, 90)
    service.serve(SLOWEST, 5, status="404")
    service.serve(QUICK, 2, status="500", error_type="500")
    service.serve(QUICK, 1, status="200", error_type="ValueError")
    service.serve(QUICK, 2, status="503")
    service.serve(SLOWEST, 50, error_type="aborted")
    service.serve(QUICK, 30, status="overflow", error_type="overflow")
    service.serve(QUICK, 70, route="/other")
    service.after(10)
    assert service.window("5m") | {"good": 95, "total": 100, "ratio": 0.95, "burn_rate": 5.0} == service.window("5m")
    json.dumps(service.objectives.block()[1])


def test_fast_enough() -> None:
    """With `within`, only what was fast enough is good, its bound included; and Apdex is told."""
    service = Service(orders(within=0.25))
    service.serve(QUICK, 60)
    service.serve(MIDDLING, 20)
    service.serve(SLOW, 10)
    service.serve(SLOWEST, 10)
    service.after(10)
    assert (service.window("5m")["good"], service.window("5m")["total"]) == (80, 100)
    assert service.window("5m")["apdex"] == 0.85
    assert service.objectives.block()[1]["orders"]["within_seconds"] == 0.25


def test_no_bound_at_the_objective() -> None:
    """No bucket could tell what is within 0.3 s: the nearest bounds are named."""
    with pytest.raises(ValueError, match=r"within 0\.3 is no bound .*the nearest are 0\.25 and 1$"):
        Objectives([orders(within=0.3)], list, BOUNDS)
    with pytest.raises(ValueError, match=r"the nearest is 1$"):
        Objectives([orders(within=5.0)], list, BOUNDS)
    with pytest.raises(ValueError, match="given twice"):
        Objectives([orders(), orders()], list, BOUNDS)


@pytest.mark.parametrize(
    "wrong", [{"target": 1.0}, {"target": 0.0}, {"target": float("nan")}, {"within": -1.0}, {"within": float("inf")}]
)
def test_impossible_objectives(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="objective 'orders'"):
        orders(**wrong)
    with pytest.raises(ValueError, match="one line"):
        Objective("two\nlines")
    with pytest.raises(TypeError, match="one string"):
        Objective("orders", "GET /orders")  # type: ignore[arg-type]


def test_what_was_before_is_no_news() -> None:
    """What other workers have counted before this one began is not put into its windows."""
    service = Service.__new__(Service)
    service.counted = {}
    service.serve(QUICK, 1000, status="500")
    counted = service.counted
    Service.__init__(service, orders())
    service.counted = counted
    service.objectives.forget()
    service.objectives.turn()
    service.serve(QUICK, 10)
    service.after(10)
    assert (service.window("6h")["good"], service.window("6h")["total"]) == (10, 10)
    assert service.window("6h")["watched_seconds"] == 10


def test_the_first_requests_of_a_worker_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those before its first second is over; what was counted before it started is no news."""
    monkeypatch.setattr(Pulse, "start", lambda _: None)
    now = 1000.0

    def worker() -> tuple[LatencyMetrics, Objectives]:
        metrics = LatencyMetrics(registry=CollectorRegistry(), directory=tmp_path / "figures")
        objectives = Objectives([Objective("all")], metrics.counted, metrics.bounds, lambda: now)
        metrics.pulse.each(objectives.turn)
        metrics.on_startup()
        return metrics, objectives

    first, _ = worker()
    app = ASGIMiddleware(ScriptedApp().asgi, first)
    for _ in range(5):
        call_asgi(app)
    second, objectives = worker()
    for _ in range(3):
        call_asgi(app)
    now += 10
    second.pulse.now()
    assert objectives.block()[1]["all"]["windows"]["5m"]["total"] == 3
    for metrics in (first, second):
        metrics.on_shutdown(0)
        metrics.store.slot.close()


def test_counters_begin_again() -> None:
    """After a restart of everything the counters are low: what they say then is what has happened since."""
    service = Service(orders())
    service.serve(QUICK, 100)
    service.after(10)
    service.counted.clear()
    service.after(10)
    service.serve(QUICK, 7)
    service.after(10)
    assert service.window("5m")["total"] == 107


@given(st.lists(st.lists(st.integers(0, 1000), min_size=4, max_size=4), min_size=1, max_size=30))
def test_increase_is_never_negative(readings: list[list[int]]) -> None:
    """Whatever counters do, what is taken for an increase is none below zero, and at most what stands there."""
    increases = Increases()
    for number, counts in enumerate(readings):
        for _, increase in increases.of([Series(counts=tuple(counts))]):
            assert number > 0
            assert all(0 <= new <= count for new, count in zip(increase, counts, strict=True))


def test_windows() -> None:
    """A window forgets what is older than it, within one step of its resolution."""
    service = Service(orders())
    service.serve(QUICK, 100, status="500")
    service.after(10)
    assert {window: service.window(window)["total"] for window in ("5m", "1h", "6h")} == {
        "5m": 100,
        "1h": 100,
        "6h": 100,
    }
    service.after(310)
    assert [service.window(window)["total"] for window in ("5m", "1h", "6h")] == [0, 100, 100]
    service.after(3600)
    assert [service.window(window)["total"] for window in ("5m", "1h", "6h")] == [0, 0, 100]
    assert "watched_seconds" not in service.window("1h")
    service.after(6 * 3600)
    assert [service.window(window)["total"] for window in ("5m", "1h", "6h")] == [0, 0, 0]
    assert "ratio" not in service.window("6h")


def test_memory_is_bounded() -> None:
    """After a day there are no more rows than after six hours."""
    service = Service(orders())
    service.after(24 * 3600)
    rings = service.objectives._histories[0]._rings
    assert [len(ring._rows) for ring in rings] == [361, 361]


def test_burning_fast_warns() -> None:
    """5 minutes and 1 hour above 14.4 warn; the warning ends with the short window, and health never fails by it."""
    service = Service(orders())
    service.serve(QUICK, 1000)
    service.after(3600)
    assert service.objectives.block()[0] is Status.PASS
    service.serve(QUICK, 100, status="500")
    service.after(10)
    # A tenth of an hour's requests: 1000 of the hour are just leaving it.
    assert service.window("5m")["burn_rate"] == 100
    assert service.objectives.block()[0] is Status.WARN
    assert service.objectives.block()[1]["orders"]["status"] == "warn"
    service.serve(QUICK, 5000)
    service.after(10)
    assert service.objectives.block()[0] is Status.PASS


def test_burning_slowly_warns() -> None:
    """30 minutes and 6 hours above 6 warn where neither hour is above 14.4."""
    service = Service(orders())
    for _ in range(6 * 6):
        service.serve(QUICK, 93)
        service.serve(QUICK, 7, status="500")
        service.after(600)
    assert service.window("1h")["burn_rate"] == 7
    assert service.objectives.block()[0] is Status.WARN


def test_few_requests_warn_of_nothing() -> None:
    """One unlucky request of three is no outage."""
    service = Service(orders())
    service.serve(QUICK, 2)
    service.serve(QUICK, 1, status="500")
    service.after(10)
    assert service.window("5m")["burn_rate"] > 14.4
    assert service.objectives.block()[0] is Status.PASS


def test_low_target() -> None:
    """Where the budget is 10 %, not even an outage burns it 14.4 times as fast: half of the requests are enough."""
    service = Service(orders(target=0.9))
    service.serve(QUICK, 60, status="500")
    service.serve(QUICK, 40)
    service.after(10)
    assert service.objectives.block()[0] is Status.WARN


def test_all_routes_but_probes() -> None:
    """An objective without routes is about all, but for what probes and Prometheus ask for."""
    service = Service(Objective("orders"), besides=["/metrics", "/health", "/health/*"])
    service.serve(QUICK, 1)
    service.serve(QUICK, 1, route="unmatched", method="POST", status="404")
    for route in ("/metrics", "/health", "/health/ready"):
        service.serve(QUICK, 100, route=route)
    service.after(10)
    assert service.window("5m")["total"] == 2


def test_several_objectives_over_one_request() -> None:
    service = Service(orders(), Objective("posts", ("POST /*",)), Objective("all"))
    service.serve(QUICK, 3)
    service.serve(QUICK, 4, method="POST")
    service.after(10)
    assert [service.window("5m", name)["total"] for name in ("orders", "posts", "all")] == [3, 4, 7]


def test_a_failing_reader_leaves_the_block() -> None:
    """What cannot be counted for a while raises to the pulse, which counts it; the next turn goes on."""
    service = Service(orders())
    service.serve(QUICK, 3)
    right = service.objectives._counted

    def fail() -> list[Series]:
        raise OSError

    service.objectives._counted = fail
    service.now += 10
    with pytest.raises(OSError):
        service.objectives.turn()
    service.objectives._counted = right
    service.after(20)
    assert service.window("5m")["total"] == 3


def test_foreign_buckets() -> None:
    """A series of another width, as a worker with other settings would have, is left out."""
    service = Service(orders())
    service.counted["GET", "/orders/{id}", "200", ""] = [1, 2]
    service.after(10)
    assert service.window("5m")["total"] == 0


def test_turns_are_cheap_between_steps() -> None:
    """Nothing is read twice in ten seconds."""
    reads: list[int] = []
    now = [0.0]

    def read() -> list[Series]:
        reads.append(1)
        return []

    objectives = Objectives([orders()], read, BOUNDS, lambda: now[0])
    for _ in range(20):
        now[0] += 1
        objectives.turn()
    assert len(reads) == 2
    empty = Objectives([], read, BOUNDS, lambda: now[0])
    empty.turn()
    assert len(reads) == 2
    assert empty.block() == (Status.PASS, {})


def test_fork() -> None:
    """A child starts afresh, also if it was made in the midst of a turn."""
    service = Service(orders())
    service.serve(QUICK, 5)
    service.after(10)
    with service.objectives._lock:
        child = os.fork()
        if child == 0:
            fine = service.objectives.block()[1]["orders"]["windows"]["6h"]["total"] == 0
            service.after(10)
            service.serve(QUICK, 2)
            service.after(10)
            os._exit(0 if fine and service.window("5m")["total"] == 2 else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_many_series_are_not_counted_anew() -> None:
    """However many there are, what was counted long ago is no increase of now."""
    increases = Increases()
    series = [Series(route=f"/{number}", counts=(1, 0, 0, 0)) for number in range(20_001)]
    assert not [*increases.of(series)]
    assert not [*increases.of(series)]
    more = [series[0]._replace(counts=(3, 0, 0, 0)), *series[1:]]
    assert [[*increase] for _, increase in increases.of(more)] == [[2, 0, 0, 0]]
