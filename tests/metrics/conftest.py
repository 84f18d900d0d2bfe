"""A scrape, read by the parsers of prometheus_client as well as by eye."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from midwatch import Exchange, Outcome
from midwatch.frameworks import Framework
from midwatch.metrics import LatencyMetrics
from midwatch.moments import Moments
from midwatch.testing import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client.core import Metric
    from prometheus_client.samples import Sample

    from midwatch.testing import Answer


class Scrape:
    """One page, parsed."""

    def __init__(self, answer: Answer) -> None:
        assert answer.status == 200, answer
        self.answer = answer
        self.text = answer.body.decode()
        openmetrics = (answer.header("content-type") or "").startswith("application/openmetrics-text")
        self.families: list[Metric] = list((parse_openmetrics if openmetrics else parse_text)(self.text))

    def samples(self, name: str, **labels: str) -> list[Sample]:
        return [
            sample
            for family in self.families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def value(self, name: str, **labels: str) -> float:
        (sample,) = self.samples(name, **labels)
        return sample.value

    def requests(self, **labels: str) -> list[Sample]:
        """Counts of requests, those of the page itself left out."""
        every = self.samples("http_server_request_duration_seconds_count", **labels)
        return [sample for sample in every if sample.labels["http_route"] != "/metrics"]


@pytest.fixture
def registry() -> CollectorRegistry:
    """A registry of the application that holds nothing of other tests."""
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> LatencyMetrics:
    return LatencyMetrics(registry=registry)


@pytest.fixture
def scrape() -> Callable[..., Scrape]:
    def _scrape(call: Callable[..., Answer], app: Any, accept: str = "", **rest: Any) -> Scrape:
        headers = [("host", "testserver"), *([("accept", accept)] if accept else [])]
        return Scrape(call(app, path="/metrics", headers=headers, **rest))

    return _scrape


@pytest.fixture(scope="session")
def read() -> Callable[[Answer], Scrape]:
    return Scrape


class Finished(Exchange):
    """One whose peer can be chosen."""

    peer: tuple[str, int] | None = None


@pytest.fixture(scope="session")
def finished() -> Callable[..., Exchange]:
    """Makes exchanges that are over."""

    def _finished(**said: Any) -> Exchange:
        exchange = Finished({}, Moments([Recorder()]), Framework())
        exchange.method, exchange.path, exchange.app_path = "GET", "/", "/"
        exchange.started, exchange.started_at, exchange.ended = 0.0, 1_700_000_000_000_000_000, 0.0
        exchange.status, exchange.outcome = 200, Outcome.OK
        for name, value in said.items():
            setattr(exchange, name, value)
        return exchange

    return _finished
