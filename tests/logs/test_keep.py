"""Which requests have a line, and at which level."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch import HealthCheck, LatencyMetrics, Plugin, RequestLog, Tracing
from midwatch.logs import Keep
from midwatch.testing import ScriptedApp


class Named(Plugin):
    """Gives the request a route and an id, as a framework and Tracing would."""

    def __init__(self, route: str | None = None, trace_id: str | None = None) -> None:
        self._route, self._trace_id = route, trace_id

    def on_request(self, exchange: Any) -> None:
        exchange.trace_id = self._trace_id
        if self._route is not None:
            exchange.route = self._route


def test_levels_by_route(door: Any, lines: Any) -> None:
    """The first rule that matches says the level of what went well; a method may be named or not."""
    keep = Keep(routes={"POST /orders/{id}": logging.WARNING, "/orders/*": logging.INFO, "/static/*": False})
    for method, route in [("POST", "/orders/{id}"), ("GET", "/orders/{id}"), ("GET", "/static/{path}"), ("GET", None)]:
        door.call(door.watch(ScriptedApp(), Named(route), RequestLog(keep=keep)), method, "/x")
    assert [(line["http.request.method"], line.get("http.route"), line["level"]) for line in lines.all] == [
        ("POST", "/orders/{id}", "WARNING"),
        ("GET", "/orders/{id}", "INFO"),
        ("GET", None, "INFO"),
    ]


def test_a_failure_keeps_its_level(door: Any, lines: Any) -> None:
    """A rule is for what went well: no route can be made to fail in silence."""
    keep = Keep(routes={"/static/*": False}, ratio=0.0)
    door.call(door.watch(ScriptedApp(status=503), Named("/static/{path}"), RequestLog(keep=keep)))
    door.call(door.watch(ScriptedApp(error=ValueError()), Named("/static/{path}"), RequestLog(keep=keep)))
    assert [line["level"] for line in lines.all] == ["ERROR", "ERROR"]


def test_the_route_decides_and_not_the_spelling_of_the_url(door: Any, lines: Any) -> None:
    """A path that looks like a quiet one, on another route, has its line."""
    keep = Keep(routes={"/health": False})
    door.call(door.watch(ScriptedApp(), Named("/admin/{what}"), RequestLog(keep=keep)), "GET", "/health")
    assert lines.one["http.route"] == "/admin/{what}"


def test_what_took_no_route_is_compared_by_its_path(door: Any, lines: Any) -> None:
    """Bare callables route by themselves."""
    keep = Keep(routes={"GET /ping": False})
    door.call(door.watch(ScriptedApp(), RequestLog(keep=keep)), "GET", "/ping")
    door.call(door.watch(ScriptedApp(), RequestLog(keep=keep)), "GET", "/ping/pong")
    assert lines.one["url.path"] == "/ping/pong"


def test_a_share_is_the_same_requests_everywhere(door: Any, lines: Any) -> None:
    """The trace id decides, by the same bits as sampling does; kept lines say of how many they are one."""
    keep = Keep(ratio=0.25)
    ids = [f"{0:018x}{share << 48:014x}" for share in (0x00, 0x40, 0x80, 0xBF, 0xC0, 0xFF)]
    for trace_id in ids:
        door.call(door.watch(ScriptedApp(), Named(trace_id=trace_id), RequestLog(keep=keep)))
    assert [line["trace_id"] for line in lines.all] == ids[-2:]
    assert {line["request.sample.ratio"] for line in lines.all} == {0.25}


def test_without_a_trace_chance_decides(door: Any, lines: Any) -> None:
    """A request log alone samples too."""
    chances = iter([0.2, 0.3, 0.9])
    keep = Keep(ratio=0.25, chance=lambda: next(chances))
    for path in ("/a", "/b", "/c"):
        door.call(door.watch(ScriptedApp(), RequestLog(keep=keep)), "GET", path)
    assert lines.one["url.path"] == "/a"


def test_what_is_slow_has_its_line(door: Any, lines: Any) -> None:
    """Slow requests are kept beside the share, and do not claim to be one of many; a quiet route may be slow."""
    keep = Keep(ratio=0.0, slower_than=1e-9, routes={"/quiet": False})
    door.call(door.watch(ScriptedApp(), Tracing(), RequestLog(keep=keep)))
    door.call(door.watch(ScriptedApp(), Named("/quiet"), RequestLog(keep=keep)))
    assert len(lines.all) == 2
    assert not any("request.sample.ratio" in line for line in lines.all)


class Leaving:
    """A service whose health changes when a test says so."""

    draining = False


def test_probes_are_quiet_while_they_pass(door: Any, lines: Any) -> None:
    """Each failure, and the recovery, is a line; a poll that passes is none."""
    drain = Leaving()
    app = door.watch(ScriptedApp(), RequestLog(), LatencyMetrics(), HealthCheck(drain=drain))
    for drain.draining in (False, False, True, True, False, False):
        door.call(app, "GET", "/health")
    door.call(app, "GET", "/metrics")
    requests = [line for line in lines.all if line["logger"] == "midwatch.request"]
    assert [line["http.response.status_code"] for line in requests] == [503, 503, 200]


@pytest.mark.parametrize(("probes", "statuses"), [("all", [200, 503]), ("none", [503])])
def test_probes_otherwise(door: Any, lines: Any, probes: str, statuses: list[int]) -> None:
    """All of them, or only those that fail."""
    drain = Leaving()
    app = door.watch(ScriptedApp(), RequestLog(keep=Keep(probes=probes)), HealthCheck(drain=drain))
    for drain.draining in (False, True):
        door.call(app, "GET", "/health")
    requests = [line for line in lines.all if line["logger"] == "midwatch.request"]
    assert [line["http.response.status_code"] for line in requests] == statuses


def test_a_route_of_the_application_can_be_quiet_like_a_probe(door: Any, lines: Any) -> None:
    """`changes` is for a health page of one's own; other routes do not share its state."""
    keep = Keep(routes={"/ping": "changes"})
    for status in (200, 404, 200, 200):
        door.call(door.watch(ScriptedApp(status=status), Named("/ping"), RequestLog(keep=keep)))
    assert [line["http.response.status_code"] for line in lines.all] == [404, 200]


def test_the_failing_routes_that_are_remembered_are_bounded(door: Any, lines: Any) -> None:
    """Strangers may choose paths; what is forgotten costs a line that says that it has recovered."""
    keep = Keep(routes={"/*": "changes"})
    for number in range(1500):
        door.call(door.watch(ScriptedApp(status=404), Named(f"/{number}"), RequestLog(keep=keep)))
    assert len(keep._failing) <= 1024


@given(ratio=st.floats(0, 1), bits=st.integers(0, (1 << 56) - 1))
def test_shares_nest(ratio: float, bits: int) -> None:
    """What a small share keeps, every larger one keeps too; all keeps all and nothing keeps nothing."""
    trace_id = f"{1:018x}{bits:014x}"

    def chosen(share: float) -> bool:
        return Keep(ratio=share)._is_chosen(trace_id)

    assert chosen(1.0)
    assert not chosen(0.0)
    assert not chosen(ratio / 2) or chosen(ratio)
