"""The names that dashboards for prometheus-fastapi-instrumentator ask for."""

from __future__ import annotations

from typing import Any

import pytest

from midwatch import Outcome
from midwatch.metrics import LatencyMetrics
from midwatch.metrics.classic import HIGH
from midwatch.testing import ScriptedApp


def test_requests_are_counted_under_the_classic_names(door: Any, finished: Any, registry: Any, scrape: Any) -> None:
    metrics = LatencyMetrics(registry=registry, names="classic")
    said = {"route": "/orders/{id}", "bytes_in": 10, "bytes_out": 300, "duration": 0.3, "first_byte": 0.3}
    for status, outcome in ((200, Outcome.OK), (201, Outcome.OK), (404, Outcome.OK), (500, Outcome.ERROR)):
        metrics.on_finish(finished(status=status, outcome=outcome, **said))
    metrics.on_finish(finished(method="POST", status=None, outcome=Outcome.ABORTED, duration=45.0))
    page = scrape(door.call, door.watch(ScriptedApp(), metrics))
    handler = {"handler": "/orders/{id}"}
    for group, count in (("2xx", 2), ("4xx", 1), ("5xx", 1)):
        assert page.value("http_requests_total", method="GET", status=group, **handler) == count
    assert page.value("http_requests_total", method="POST", status="5xx", handler="none") == 1
    assert page.value("http_request_size_bytes_sum", **handler) == 40
    assert page.value("http_request_size_bytes_count", **handler) == 4
    assert page.value("http_response_size_bytes_sum", **handler) == 1200
    assert [
        page.value("http_request_duration_highr_seconds_bucket", le=le) for le in ("0.25", "0.5", "30.0", "60.0")
    ] == [0, 4, 4, 5]
    low = page.samples("http_request_duration_seconds_bucket", method="GET", **handler)
    assert [(sample.labels["le"], sample.value) for sample in low] == [("0.1", 0), ("0.5", 4), ("1.0", 4), ("+Inf", 4)]
    assert page.value("http_request_duration_seconds_sum", method="GET", **handler) == pytest.approx(1.2)
    assert page.value("http_requests_inprogress") == 0
    assert not page.samples("http_server_request_duration_seconds_count")
    assert page.samples("http_server_active_requests")
    assert page.value("http_server_time_to_first_byte_seconds_count", http_route="/orders/{id}") == 4


def test_the_buckets_of_both_are_counted(registry: Any) -> None:
    """An objective of one's own stays exact."""
    metrics = LatencyMetrics(registry=registry, names="classic", buckets=[0.2, 0.3])
    assert metrics.bounds == tuple(sorted({0.2, 0.3, *HIGH}))


def test_other_names_stop_the_start() -> None:
    with pytest.raises(ValueError, match="names: 'old'"):
        LatencyMetrics(names="old")
