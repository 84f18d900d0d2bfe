"""What the page shows: ours, the application's and the process's, nothing twice."""

from __future__ import annotations

from typing import Any

import prometheus_client
import pytest
from prometheus_client import Counter

from midwatch import ASGIMiddleware, Exchange, Plugin, WSGIMiddleware
from midwatch.delivery import Channel
from midwatch.metrics import LatencyMetrics
from midwatch.plugin import failures
from midwatch.service import Service
from midwatch.testing import ScriptedApp, call_asgi, call_wsgi

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        (OPENMETRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        ("application/openmetrics-text; version=99.0.0", "text/plain; version=0.0.4; charset=utf-8"),
    ],
)
def test_the_page_is_text_or_openmetrics(door: Any, metrics: Any, scrape: Any, accept: str, media_type: str) -> None:
    """The parser of each format accepts the whole page, and nothing that the client sent comes back."""
    app = door.watch(ScriptedApp(), metrics)
    door.call(app)
    page = scrape(door.call, app, accept)
    assert page.answer.header("content-type") == media_type
    assert page.answer.header("cache-control") == "no-store"
    assert {
        "http_server_request_duration_seconds",
        "http_server_response_body_size_bytes",
        "http_server_active_requests",
        "midwatch_plugin_errors",
        "midwatch_delivery_pending",
        "midwatch_delivery_sent",
        "midwatch_delivery_dropped",
        "midwatch_lost",
        "midwatch_series",
        "midwatch_series_refused",
        "process_cpu_seconds",
        "process_resident_memory_bytes",
        "python_gc_collections",
        "python_info",
    } <= {family.name for family in page.families}


def test_failures_of_plugins_are_shown(door: Any, metrics: Any, scrape: Any) -> None:
    """An observer that fails is seen by the operator, where the client sees nothing."""

    class Breaks(Plugin):
        def on_request(self, exchange: Exchange) -> None:
            raise ValueError("mine")

    moment = Breaks.on_request.__qualname__
    before = failures.get(moment, 0)
    app = door.watch(ScriptedApp(), Breaks(), metrics)
    door.call(app)
    assert scrape(door.call, app).value("midwatch_plugin_errors_total", moment=moment) == before + 2


def test_deliveries_are_shown_by_channel_and_without_credentials(metrics: Any, scrape: Any) -> None:
    """Channels of one name are one; who reads metrics learns no key."""
    first, second = (Channel[str]("sentry://key:secret@bugs.example/1", lambda batch: None) for _ in range(2))
    first.sent, first.dropped, second.sent, second.dropped = 3, 1, 4, 1
    page = scrape(call_wsgi, WSGIMiddleware(ScriptedApp().wsgi, metrics))
    channel = "sentry://bugs.example/1"
    assert page.value("midwatch_delivery_sent_total", channel=channel) == 7
    assert page.value("midwatch_delivery_dropped_total", channel=channel) == 2
    assert page.value("midwatch_delivery_pending", channel=channel) == 0
    assert "secret" not in page.text


def test_the_default_registry_is_on_the_page(door: Any, scrape: Any) -> None:
    """What the application counts with prometheus_client needs no second page."""
    counter = Counter("orders", "Orders.", registry=prometheus_client.REGISTRY)
    try:
        counter.inc(3)
        page = scrape(door.call, door.watch(ScriptedApp(), LatencyMetrics()), OPENMETRICS)
        assert page.value("orders_total") == 3
        names = [family.name for family in page.families]
        assert len(names) == len(set(names))
    finally:
        prometheus_client.REGISTRY.unregister(counter)


def test_a_registry_of_one_s_own_takes_its_place(door: Any, registry: Any, scrape: Any) -> None:
    """Then the default one is not shown, but the process still is."""
    Counter("mine", "Mine.", registry=registry).inc()
    other = Counter("not_mine", "Not mine.", registry=prometheus_client.REGISTRY)
    try:
        page = scrape(door.call, door.watch(ScriptedApp(), LatencyMetrics(registry=registry)))
        assert page.value("mine_total") == 1
        assert page.samples("process_start_time_seconds")
        assert not page.samples("not_mine_total")
    finally:
        prometheus_client.REGISTRY.unregister(other)


def test_our_collector_in_the_shown_registry_is_not_shown_twice(door: Any, registry: Any, scrape: Any) -> None:
    """A family that two collectors have comes from the first: Prometheus refuses a page that repeats one."""
    metrics = LatencyMetrics(registry=registry)
    registry.register(metrics.collector)
    page = scrape(door.call, door.watch(ScriptedApp(), metrics), OPENMETRICS)
    assert page.text.count("# TYPE http_server_request_duration_seconds ") == 1


def test_two_of_them_live_in_one_process(scrape: Any) -> None:
    """Each counts for its own application, and each page shows the process."""
    first, second = (ASGIMiddleware(ScriptedApp().asgi, LatencyMetrics()) for _ in range(2))
    call_asgi(first)
    pages = [scrape(call_asgi, app, OPENMETRICS) for app in (first, second)]
    assert [len(page.requests()) for page in pages] == [1, 0]
    assert all(page.samples("process_start_time_seconds") for page in pages)


def test_the_service_is_target_info(door: Any, registry: Any, scrape: Any) -> None:
    """Resource attributes as labels, whatever they hold."""
    attributes = (("k8s.pod.name", 'a"b\n\ud800'), ("2nd", "x"), ("a--b", "y"), ("ünï", "z"))
    service = Service("orders", "1.4", "production", attributes)
    app = door.watch(ScriptedApp(), LatencyMetrics(registry=registry, service=service))
    for accept in ("", OPENMETRICS):
        (sample,) = scrape(door.call, app, accept).samples("target_info")
        assert sample.labels == {
            "service_name": "orders",
            "service_version": "1.4",
            "deployment_environment_name": "production",
            "k8s_pod_name": 'a"b\n?',
            "key_2nd": "x",
            "a_b": "y",
            "_n_": "z",
        }


def test_buckets_are_the_caller_s(door: Any, registry: Any, scrape: Any) -> None:
    """Bounds as given, and the one above all."""
    app = door.watch(ScriptedApp(), LatencyMetrics(registry=registry, buckets=[0.1, 2, 1000]))
    door.call(app)
    samples = scrape(door.call, app).samples("http_server_request_duration_seconds_bucket", http_route="unmatched")
    assert [sample.labels["le"] for sample in samples] == ["0.1", "2.0", "1000.0", "+Inf"]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"path": "metrics"}, ValueError, "path: 'metrics'"),
        ({"path": ""}, ValueError, "path: ''"),
        ({"path": "/metrics?x=1"}, ValueError, "path"),
        ({"allow": "10.0.0.0/8"}, TypeError, "allow: '10.0.0.0/8' is one string"),
        ({"allow": ["10.0.0.0/99"]}, ValueError, "10.0.0.0/99"),
        ({"registry": "REGISTRY"}, TypeError, "registry: 'REGISTRY'"),
        ({"buckets": []}, ValueError, "buckets"),
        ({"buckets": [1, 1]}, ValueError, "buckets"),
        ({"buckets": [0, 1]}, ValueError, "buckets"),
        ({"buckets": [1, float("nan")]}, ValueError, "buckets"),
        ({"buckets": [1, float("inf")]}, ValueError, "buckets"),
        ({"max_series": 0}, ValueError, "max_series: 0"),
    ],
)
def test_impossible_settings_are_told_at_the_start(options: dict[str, Any], error: type[Exception], words: str) -> None:
    """The message names the setting and what it was."""
    with pytest.raises(error) as caught:
        LatencyMetrics(**options)
    assert words in str(caught.value)
