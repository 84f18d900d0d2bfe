"""What each fate of a request adds to the families beside its duration."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from midwatch import ASGIMiddleware, Exchange, Outcome
from midwatch.metrics import LatencyMetrics
from midwatch.metrics.sockets import close_class
from midwatch.testing import ScriptedApp, call_asgi

DURATION = "http_server_request_duration_seconds"
FIRST = "http_server_time_to_first_byte_seconds"
READ = "http_server_request_body_size_bytes"
WRITTEN = "http_server_response_body_size_bytes"


def page_of(metrics: Any, scrape: Any) -> Any:
    return scrape(call_asgi, ASGIMiddleware(ScriptedApp().asgi, metrics))


def test_the_time_to_first_byte_has_buckets_of_its_own(finished: Any, metrics: Any, scrape: Any) -> None:
    for duration, first in ((0.3, 0.24), (0.3, 0.3), (0.3, 0.25), (0.06, 0.001)):
        metrics.on_finish(finished(duration=duration, first_byte=first))
    page = page_of(metrics, scrape)

    def buckets(name: str) -> list[float]:
        return [
            page.value(f"{name}_bucket", http_route="unmatched", le=le)
            for le in ("0.005", "0.025", "0.25", "0.5", "+Inf")
        ]

    assert buckets(DURATION) == [0, 0, 1, 4, 4]
    assert buckets(FIRST) == [1, 1, 3, 4, 4]
    assert page.value(f"{FIRST}_sum", http_route="unmatched") == pytest.approx(0.791)


def test_what_was_never_answered_has_no_first_byte(finished: Any, metrics: Any, scrape: Any) -> None:
    metrics.on_finish(finished(status=None, outcome=Outcome.ABORTED, duration=0.3))
    page = page_of(metrics, scrape)
    assert page.value(f"{DURATION}_count", error_type="aborted") == 1
    assert not page.samples(f"{FIRST}_count", error_type="aborted")


def test_request_bodies_are_counted_as_read_and_empty_ones_too(finished: Any, metrics: Any, scrape: Any) -> None:
    for size in (0, 0, 10, 300, 10**9):
        metrics.on_finish(finished(bytes_in=size))
    page = page_of(metrics, scrape)
    values = [page.value(f"{READ}_bucket", http_route="unmatched", le=le) for le in ("64.0", "256.0", "1024.0", "+Inf")]
    assert values == [3, 3, 4, 5]
    assert page.value(f"{READ}_sum", http_route="unmatched") == 10**9 + 310
    assert page.value(f"{WRITTEN}_count", http_route="unmatched") == 5


def test_an_event_stream_does_not_spoil_the_percentiles(door: Any, finished: Any, metrics: Any, scrape: Any) -> None:
    """Its duration is the time to its first byte; how long it was open is another family."""

    class Typed:
        def __init__(self, exchange: Any, kind: str) -> None:
            self._exchange, self._kind = exchange, kind

        def __getattr__(self, name: str) -> Any:
            return getattr(self._exchange, name)

        def response_header(self, name: str) -> str:
            return self._kind

    said = {"duration": 3600.0, "first_byte": 0.02, "route": "/events"}
    for kind in ("text/event-stream; charset=utf-8", "text/html"):
        metrics.on_finish(Typed(finished(**said), kind))
    page = page_of(metrics, scrape)
    assert page.value(f"{DURATION}_bucket", http_route="/events", le="0.025") == 1
    assert page.value(f"{DURATION}_count", http_route="/events") == 2
    assert page.value("http_server_stream_duration_seconds_sum", http_route="/events") == 3600
    assert page.value("http_server_busy_seconds_total") >= 7200


def test_background_work_is_counted_apart(metrics: Any, scrape: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})
        await asyncio.sleep(0.01)  # what is measured is that it takes time

    watched = ASGIMiddleware(app, metrics)
    call_asgi(watched)
    page = page_of(metrics, scrape)
    assert page.value("http_server_background_seconds_count", http_route="unmatched") == 1
    assert page.value("http_server_background_seconds_sum", http_route="unmatched") >= 0.01


def test_exceptions_are_counted_by_class_and_fingerprint(door: Any, metrics: Any, scrape: Any) -> None:
    class Refused(Exception):
        pass

    app = door.watch(ScriptedApp(error=Refused("secret")), metrics)
    door.call(app)
    door.call(app)
    page = scrape(door.call, app)
    (sample,) = page.samples("http_server_exceptions_total")
    assert sample.value == 2
    assert sample.labels["error_type"].endswith("Refused")
    assert sample.labels["fingerprint"].startswith("v1:")
    assert "secret" not in page.text


def websocket(app: Any, received: list[dict[str, Any]]) -> None:
    scope = {"type": "websocket", "path": "/chat", "scheme": "ws", "headers": [], "client": ("127.0.0.1", 5)}

    async def receive() -> dict[str, Any]:
        return received.pop(0)

    async def send(message: Any) -> None: ...

    asyncio.run(app(scope, receive, send))


def test_websockets_have_families_of_their_own(metrics: Any, scrape: Any) -> None:
    """Accepted, refused, abandoned; how many are open, for how long, and how they ended."""
    pages: list[Any] = []

    async def chat(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        pages.append(await asyncio.to_thread(page_of, metrics, scrape))
        await receive()

    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.close"})

    async def nobody(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    connect = {"type": "websocket.connect"}
    websocket(ASGIMiddleware(chat, metrics), [connect, {"type": "websocket.disconnect", "code": 4321}])
    websocket(ASGIMiddleware(refuse, metrics), [connect])
    websocket(ASGIMiddleware(nobody, metrics), [connect])
    pages.append(page_of(metrics, scrape))
    assert [page.value("http_server_websocket_open") for page in pages] == [1, 0]
    for result in ("accepted", "refused", "abandoned"):
        assert pages[1].value("http_server_websocket_handshakes_total", result=result) == 1
    assert pages[1].value("http_server_websocket_duration_seconds_count") == 1
    assert pages[1].value("http_server_websocket_closes_total", **{"class": "application"}) == 1
    assert metrics.active() == 0
    # Open websockets are not requests that keep the service busy.
    assert pages[1].value("http_server_busy_seconds_total") == pytest.approx(metrics._table.taken(), abs=0.5)


@pytest.mark.parametrize(
    ("code", "word"),
    [(1000, "normal"), (1001, "going_away"), (1006, "abnormal"), (1011, "server_error"), (3000, "library"),

     (4999, "application"),
     (5000, "other"), (0, "other"), (-1, "other"), (10**30, "other"), (None, "unknown"), ("1000", "unknown")],
)  # fmt: skip
def test_a_close_code_is_one_of_few_words(code: Any, word: str) -> None:
    assert close_class(code) == word


def test_busy_seconds_are_the_integral_of_requests_under_way(finished: Any, registry: Any, monkeypatch: Any) -> None:
    """It grows while requests last, and neither jumps nor falls when they end."""
    now = [100.0]
    metrics = LatencyMetrics(registry=registry)
    metrics._active._clock = lambda: now[0]

    def busy() -> float:
        metrics.pulse.now()
        return metrics._active._busy.of().open()[0]

    exchange = finished(started=100.0, ended=None, scheme="http")
    metrics.on_request(exchange)
    now[0] = 102.0
    assert busy() == pytest.approx(2.0)
    assert metrics.active() == 1
    exchange.ended, exchange.duration = 103.0, 3.0
    now[0] = 110.0
    assert busy() == pytest.approx(3.0)
    metrics.on_finish(exchange)
    assert busy() == pytest.approx(3.0)
    assert metrics.active() == 0


def test_labels_of_one_s_own(door: Any, registry: Any, scrape: Any) -> None:
    """Any value is text; one that raises is empty, and counted with the failures of plugins."""

    def broken(exchange: Exchange) -> object:
        raise ValueError("mine")

    labels = {"tenant": lambda exchange: exchange.path[1:], "broken": broken, "nothing": lambda _: None}
    metrics = LatencyMetrics(registry=registry, labels=labels, max_series=20)
    app = door.watch(ScriptedApp(), metrics)
    door.call(app, path="/acme")
    door.call(app, path="/bolt")
    page = scrape(door.call, app)
    (sample,) = page.requests(tenant="acme")
    assert (sample.value, sample.labels["broken"], sample.labels["nothing"]) == (1, "", "")
    assert page.value(f"{WRITTEN}_count", tenant="acme") == 1
    assert page.value("midwatch_plugin_errors_total", moment=broken.__qualname__) >= 2
    for number in range(100):
        door.call(app, path=f"/{number}")
    assert len(scrape(door.call, app).requests()) <= 21
    assert sum(sum(counted.counts) for counted in metrics.counted() if counted.route == "unmatched") < 102


@pytest.mark.parametrize("names", ["otel", "classic"])
@pytest.mark.parametrize(
    "name", ["http_route", "le", "worker", "method", "handler", "status", "url_scheme", "job", "a-b", "__x", ""]
)
def test_a_label_that_is_none_or_ours_stops_the_start(name: str, names: str) -> None:
    """By either names: those may be changed later."""
    with pytest.raises(ValueError, match="labels: "):
        LatencyMetrics(labels={name: lambda _: ""}, names=names)


def test_a_label_that_nothing_makes_stops_the_start() -> None:
    with pytest.raises(TypeError, match=r"labels\.tenant: 3"):
        LatencyMetrics(labels={"tenant": 3})  # type: ignore[dict-item]


def test_what_was_counted_is_told_by_route(finished: Any, metrics: Any) -> None:
    metrics.on_finish(finished(route="/a", duration=0.5))
    metrics.on_finish(finished(route="/a", status=500, outcome=Outcome.ERROR, duration=20.0))
    good, bad = metrics.counted()
    assert (good.method, good.route, good.status, good.error_type, good.seconds) == ("GET", "/a", "200", "", 0.5)
    assert (bad.status, bad.error_type, bad.counts[-1]) == ("500", "500", 1)
    assert len(good.counts) == len(metrics.bounds) + 1


def test_a_fuzz_of_everything_that_strangers_choose_stays_bounded(finished: Any, registry: Any) -> None:
    """A hundred thousand exchanges of any method, path, host, scheme and status; no more series than the budget."""
    metrics = LatencyMetrics(registry=registry, max_series=50)
    exchange = finished(route=None)  # One for all of them: to make it takes longer than to count it.
    for number in range(100_000):
        exchange.method, exchange.scheme = f"M{number}" if number % 3 else "GET", f"s{number}"
        exchange.path = exchange.app_path = f"/{number}"
        exchange.status, exchange.close_code = number % 1000, number
        exchange.kind = "http" if number % 10 else "websocket"
        metrics.on_request(exchange)
        metrics.on_finish(exchange)
    assert len(metrics._table) <= 51
    assert len(metrics._table.known) <= 100
    metrics.pulse.now()
    for family in metrics.collector.collect():
        assert len({tuple(sample.labels.items()) for sample in family.samples}) <= 51 * 17, family.name
    assert sum(sum(counted.counts) for counted in metrics.counted()) == 100_000


def test_counters_of_this_process_count_for_all_and_gauges_that_vanish_are_gone(monkeypatch: Any) -> None:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    from midwatch.metrics.own import OwnFigures
    from midwatch.metrics.slots import Slot
    from midwatch.metrics.store import Store

    said: dict[str, float] = {"a": 3}

    def source() -> Any:
        counter = CounterMetricFamily("things", "Things.", labels=("what",))
        gauge = GaugeMetricFamily("age_seconds", "Age.", labels=("what",))
        for what, value in said.items():
            counter.add_metric((what,), value)
            gauge.add_metric((what,), value)
        return iter((counter, gauge))

    store = Store(Slot(None), max_series=1)  # Which bounds what strangers name, and none of these.
    own = OwnFigures(store, (source,))

    def shown() -> dict[str, float]:
        own.turn()
        return {
            f"{s.name}:{s.labels['what']}": s.value for f in store.collect() for s in f.samples if "what" in s.labels
        }

    assert shown() == {"things_total:a": 3, "age_seconds:a": 3}
    said.update(a=5, b=0)
    assert shown() == {"things_total:a": 5, "age_seconds:a": 5, "things_total:b": 0, "age_seconds:b": 0}
    said.clear()
    said["a"] = 1  # Counted anew.
    assert shown() == {"things_total:a": 6, "age_seconds:a": 1, "things_total:b": 0}


def test_a_source_that_fails_costs_no_other(metrics: Any) -> None:
    done = threading.Event()
    metrics.pulse.each(lambda: 1 / 0)
    metrics.pulse.each(done.set)
    metrics.pulse.now()
    assert done.is_set()
