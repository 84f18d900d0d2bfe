"""A collector of the application that is broken costs its own families only, and ours are on every page."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics import parser
from prometheus_client.parser import text_string_to_metric_families as parse_text

from midwatch import ASGIMiddleware
from midwatch.metrics import LatencyMetrics
from midwatch.testing import ScriptedApp, call_asgi

parse_openmetrics: Any = parser.text_string_to_metric_families

ARMED = True


def raises() -> Any:
    if ARMED:
        raise RuntimeError("no")
    yield


def raises_later() -> Any:
    yield GaugeMetricFamily("fine", "x", 1)
    raise RuntimeError("no")


def sample(value: Any, label: Any = "b") -> Any:
    family = GaugeMetricFamily("bad", "x", labels=("a",))
    family.add_metric((label,), value)
    yield family


def no_family() -> Any:
    yield 5


def leaves() -> Any:
    if ARMED:
        sys.exit(3)
    yield


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
@pytest.mark.parametrize(
    "broken",
    [
        raises, raises_later, lambda: sample(None), lambda: sample("x"), lambda: sample(1, b"\xff"),
        lambda: sample(1, "\ud800"), no_family, leaves, lambda: [GaugeMetricFamily("bad_help", "\ud800", 1)],
    ],
    ids=["raises", "raises later", "None", "text", "bytes label", "surrogate", "no family", "exits", "help"],
)  # fmt: skip
def test_a_broken_collector_costs_its_own_families_only(broken: Any, accept: str) -> None:
    class Collector:
        def collect(self) -> Any:
            return broken() if on else []

    on = False
    registry = CollectorRegistry()
    registry.register(Collector())
    Gauge("innocent", "x", registry=registry).set(1)
    app = ASGIMiddleware(ScriptedApp().asgi, LatencyMetrics(registry=registry))
    on = True
    answer = call_asgi(app, path="/metrics", headers=[("host", "x"), ("accept", accept)])
    assert answer.status == 200
    names = {family.name for family in (parse_openmetrics if accept else parse_text)(answer.body.decode())}
    assert {"http_server_active_requests", "innocent"} <= names
    assert names.isdisjoint({"bad", "bad_help"})
    assert ("fine" in names) == (broken is raises_later)


@pytest.mark.parametrize("clash", ["http_server_request_duration_seconds_count", "http_server_busy_seconds_total"])
def test_samples_of_the_application_do_not_clash_with_ours(clash: str) -> None:
    """OpenMetrics refuses a page on which a family's name is another's sample's."""

    class Collector:
        def collect(self) -> Any:
            return [GaugeMetricFamily(clash, "mine", 5)]

    registry = CollectorRegistry()
    registry.register(Collector())
    app = ASGIMiddleware(ScriptedApp().asgi, LatencyMetrics(registry=registry))
    call_asgi(app)
    accept = "application/openmetrics-text; version=1.0.0"
    answer = call_asgi(app, path="/metrics", headers=[("host", "x"), ("accept", accept)])
    names = {family.name for family in parse_openmetrics(answer.body.decode())}
    assert {"http_server_request_duration_seconds", "http_server_busy_seconds"} <= names
    assert clash not in names
