"""What is counted, for each fate of a request."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from midwatch import ASGIMiddleware, Exchange, Outcome, Plugin, current
from midwatch.delivery import Channel
from midwatch.metrics import LatencyMetrics
from midwatch.testing import Recorder, ScriptedApp, call_asgi, call_wsgi

DURATION = "http_server_request_duration_seconds"
SIZE = "http_server_response_body_size_bytes"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Routed(Plugin):
    """Says what matched, as a router would."""

    def __init__(self, route: str) -> None:
        self.route = route

    def on_request(self, exchange: Exchange) -> None:
        if exchange.app_path != "/metrics":
            exchange.route = self.route


class Traced(Plugin):
    """Gives every request a trace."""

    def __init__(self, trace_id: str, flags: int) -> None:
        self.trace_id, self.flags = trace_id, flags

    def on_request(self, exchange: Exchange) -> None:
        exchange.trace_id, exchange.trace_flags = self.trace_id, self.flags


def finished(**said: Any) -> Exchange:
    """An exchange that is over."""
    exchange = Exchange()
    exchange.method, exchange.path, exchange.app_path = "GET", "/", "/"
    exchange.started, exchange.started_at, exchange.ended = 0.0, 1_700_000_000_000_000_000, 0.0
    exchange.status, exchange.outcome = 200, Outcome.OK
    for name, value in said.items():
        setattr(exchange, name, value)
    return exchange


def test_an_answered_request_is_counted_by_method_route_and_status(door: Any, metrics: Any, scrape: Any) -> None:
    """One request is one observation of its duration and one of its size."""
    recorder = Recorder()
    app = door.watch(ScriptedApp(status=201, chunks=(b"x" * 60, b"y" * 40)), metrics, Routed("/orders/{id}"), recorder)
    door.call(app, "POST", "/orders/7")
    page = scrape(door.call, app)
    labels = {"http_request_method": "POST", "http_route": "/orders/{id}", "http_response_status_code": "201"}
    assert [sample.value for sample in page.requests()] == [1]
    assert page.value(f"{DURATION}_count", **labels, error_type="") == 1
    assert page.value(f"{DURATION}_sum", **labels) == recorder.exchanges[0].duration
    assert page.value(f"{SIZE}_sum", **labels) == 100
    assert page.value(f"{SIZE}_bucket", **labels, le="64.0") == 0
    assert page.value(f"{SIZE}_bucket", **labels, le="256.0") == 1
    assert all("error_type" not in sample.labels for sample in page.samples(f"{SIZE}_count"))


@pytest.mark.parametrize(
    ("app", "options", "status", "error"),
    [
        (ScriptedApp(error=KeyError("early")), {}, "500", "KeyError"),
        (ScriptedApp(error=KeyError("late"), error_after=1), {}, "200", "KeyError"),
        (ScriptedApp(status=503), {}, "503", "503"),
        (ScriptedApp(status=404), {}, "404", ""),
        (ScriptedApp(chunks=(b"a", b"b", b"c")), {"leave_after": 1}, "200", "aborted"),
    ],
    ids=["raises early", "raises mid-stream", "server error", "not found", "client leaves"],
)
def test_every_fate_is_one_observation(
    door: Any, metrics: Any, scrape: Any, app: ScriptedApp, options: dict[str, Any], status: str, error: str
) -> None:
    """Whatever became of a request, it is counted once, with the status that was sent and the type of its error."""
    watched = door.watch(app, metrics)
    door.call(watched, path="/somewhere", **options)
    (sample,) = scrape(door.call, watched).requests()
    assert sample.value == 1
    assert sample.labels == {
        "http_request_method": "GET",
        "http_route": "unmatched",
        "http_response_status_code": status,
        "error_type": error,
    }


def test_background_work_is_neither_latency_nor_active(metrics: Any, scrape: Any) -> None:
    """Time after the last body byte is not the client's."""
    recorder = Recorder()
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})
        seen["sent"] = perf_counter()
        seen["page"] = await asyncio.to_thread(scrape, call_asgi, watched)
        seen["idle"] = perf_counter()

    watched = ASGIMiddleware(app, metrics, recorder)
    call_asgi(watched)
    assert seen["page"].value("http_server_active_requests", http_request_method="GET", url_scheme="http") == 0
    total = scrape(call_asgi, watched).value(f"{DURATION}_sum", http_route="unmatched")
    assert 0 < total <= seen["sent"] - recorder.exchanges[-2].started
    assert seen["sent"] < seen["idle"]


def test_a_stream_is_active_until_its_last_byte(door: Any, metrics: Any, scrape: Any) -> None:
    """A request is under way while its body is, and shows as zero from then on."""
    pages: list[Any] = []

    class Streams(Plugin):
        def on_response(self, exchange: Exchange) -> None:
            if exchange.app_path != "/metrics":
                thread = threading.Thread(target=lambda: pages.append(scrape(door.call, app)))
                thread.start()
                thread.join()

    app = door.watch(ScriptedApp(chunks=(b"a", b"b")), metrics, Streams())
    door.call(app, "PUT")
    pages.append(scrape(door.call, app))
    active = [page.value("http_server_active_requests", http_request_method="PUT") for page in pages]
    assert active == [1, 0]


def test_reading_the_page_is_not_an_active_request(door: Any, metrics: Any, scrape: Any) -> None:
    """An idle service shows zero, so that an autoscaler may act on it."""
    page = scrape(door.call, door.watch(ScriptedApp(), metrics))
    (sample,) = page.samples("http_server_active_requests")
    assert (sample.value, sample.labels) == (0, {"http_request_method": "GET", "url_scheme": "http"})


def websocket(app: Any, received: list[dict[str, Any]]) -> None:
    """One websocket connection of which the client sends *received*."""
    scope = {"type": "websocket", "path": "/chat", "scheme": "ws", "headers": [], "client": ("127.0.0.1", 5)}

    async def receive() -> dict[str, Any]:
        return received.pop(0)

    async def send(message: Any) -> None: ...

    asyncio.run(app(scope, receive, send))


def test_the_duration_of_a_websocket_is_its_handshake(metrics: Any, scrape: Any) -> None:
    """An open websocket is active; however long it stays, the handshake is what took time, and it has no body."""
    recorder = Recorder()
    pages: list[Any] = []

    async def chat(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        pages.append(await asyncio.to_thread(scrape, call_asgi, watched))
        await send({"type": "websocket.send", "text": "hello"})
        await receive()

    watched = ASGIMiddleware(chat, metrics, recorder)
    websocket(watched, [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}])
    pages.append(scrape(call_asgi, watched))
    exchange = next(exchange for exchange in recorder.exchanges if exchange.kind == "websocket")
    assert exchange.first_byte is not None
    assert [page.value("http_server_active_requests", url_scheme="ws") for page in pages] == [1, 0]
    labels = {"http_response_status_code": "101", "error_type": ""}
    assert pages[1].value(f"{DURATION}_sum", **labels) == exchange.first_byte - exchange.started
    assert exchange.first_byte - exchange.started < exchange.duration
    assert not pages[1].samples(f"{SIZE}_count", http_response_status_code="101")


def test_a_websocket_that_is_given_up_before_an_answer_is_counted(metrics: Any, scrape: Any) -> None:
    """A handshake that nobody answered has the duration of the attempt, and no status."""

    async def nobody(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    recorder = Recorder()
    watched = ASGIMiddleware(nobody, metrics, recorder)
    websocket(watched, [{"type": "websocket.connect"}])
    (sample,) = (page := scrape(call_asgi, watched)).requests()
    assert sample.labels["http_response_status_code"] == ""
    assert sample.labels["error_type"] == "incomplete"
    assert page.value(f"{DURATION}_sum", error_type="incomplete") == recorder.exchanges[0].duration


def test_counts_are_complete_right_after_eight_threads(metrics: Any, scrape: Any) -> None:
    """No observation is lost between threads, and none waits for a later scrape."""
    threads, each = 8, 2000

    def work(number: int) -> None:
        for _ in range(each):
            metrics.on_request(exchange := finished(duration=0.5, bytes_out=number))
            metrics.on_finish(exchange)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    page = scrape(call_asgi, ASGIMiddleware(ScriptedApp().asgi, metrics))
    assert page.value(f"{DURATION}_count", http_route="unmatched") == threads * each
    assert page.value(f"{DURATION}_sum", http_route="unmatched") == threads * each * 0.5
    assert page.value(f"{DURATION}_bucket", http_route="unmatched", le="0.25") == 0
    assert page.value(f"{DURATION}_bucket", http_route="unmatched", le="0.5") == threads * each
    assert page.value(f"{SIZE}_sum", http_route="unmatched") == each * sum(range(threads))


def test_strangers_make_no_series(metrics: Any, scrape: Any) -> None:
    """A hundred thousand paths and ten thousand methods are two series, and nothing is kept of them."""
    for number in range(100_000):
        method = "GET" if number % 10 else f"M{number}"
        exchange = finished(method=method, path=f"/{number}", app_path=f"/{number}", status=404)
        metrics.on_request(exchange)
        metrics.on_finish(exchange)
    assert len(metrics._table) == 2
    assert len(metrics._table.known) == 1
    assert not metrics._active.exchanges
    page = scrape(call_asgi, ASGIMiddleware(ScriptedApp().asgi, metrics))
    counts = {sample.labels["http_request_method"]: sample.value for sample in page.requests()}
    assert counts == {"GET": 90_000, "_OTHER": 10_000}
    assert page.value("midwatch_series") == 2


def test_beyond_max_series_there_is_one_overflow(door: Any, registry: Any, scrape: Any) -> None:
    """An application that makes routes without end gets one more series, and a count of what went there."""
    metrics = LatencyMetrics(registry=registry, max_series=3)
    for number in range(50):
        metrics.on_finish(finished(_route=f"/{number}", duration=1.0, bytes_out=2))
    app = door.watch(ScriptedApp(), metrics)
    page = scrape(door.call, app)
    assert [sample.labels["http_route"] for sample in page.requests()] == ["/0", "/1", "/2", "overflow"]
    overflow = {"http_request_method": "", "http_route": "overflow", "http_response_status_code": ""}
    assert page.value(f"{DURATION}_count", **overflow, error_type="") == 47
    assert page.value(f"{SIZE}_sum", **overflow) == 94
    assert page.value("midwatch_series_refused_total") == 47
    assert page.value("midwatch_series") == 4
    metrics.on_finish(finished(_route="/1"))
    assert scrape(door.call, app).value(f"{DURATION}_count", http_route="/1") == 2


def test_a_route_that_is_cut_is_not_remembered_in_every_length(registry: Any) -> None:
    """What leads to the same labels is one series, and the shortcut to it stays bounded."""
    metrics = LatencyMetrics(registry=registry, max_series=5)
    for number in range(1000):
        metrics.on_finish(finished(_route="/" + "x" * 500 + str(number)))
    assert len(metrics._table) == 1
    assert len(metrics._table.known) == 10


@pytest.mark.parametrize(("status", "label"), [(100, "100"), (599, "599"), (99, ""), (600, ""), (0, ""), (None, "")])
def test_a_status_code_is_one_or_nothing(metrics: Any, scrape: Any, status: int | None, label: str) -> None:
    """Only codes that RFC 9110 section 15 knows of become labels."""
    metrics.on_finish(finished(status=status))
    (sample,) = scrape(call_asgi, ASGIMiddleware(ScriptedApp().asgi, metrics)).requests()
    assert sample.labels["http_response_status_code"] == label


@given(st.lists(st.one_of(st.text(), st.text('"\\\n\r\0{},= #\ud800é')), min_size=1, max_size=5))
def test_any_route_is_a_valid_label(read: Any, routes: list[str]) -> None:
    """Quotes, newlines, surrogates: both parsers read back what was meant, and no label set comes twice."""
    metrics = LatencyMetrics(registry=CollectorRegistry())
    for route in routes:
        metrics.on_finish(finished(_route=route))
    app = ASGIMiddleware(ScriptedApp().asgi, metrics)
    meant = {route.encode("utf-8", "replace").decode()[:256].replace("\0", "\ufffd") for route in routes}
    for accept in ("text/plain", OPENMETRICS):
        answer = call_asgi(app, path="/metrics", headers=[("accept", accept)])
        counts = [tuple(sample.labels.items()) for sample in read(answer).samples(f"{DURATION}_count")]
        assert len(counts) == len(set(counts))
        assert {dict(labels)["http_route"] for labels in counts} - {"/metrics"} == meant - {"/metrics"}


def test_exemplars_are_the_latest_sampled_trace_and_in_openmetrics_only(door: Any, registry: Any, scrape: Any) -> None:
    """A bucket leads to a trace that can be looked at, and to none that was not recorded."""
    metrics = LatencyMetrics(registry=registry)
    for trace_id, duration, flags in (("a" * 32, 0.2, 1), ("b" * 32, 0.2, 3), ("c" * 32, 0.2, 0), ("d" * 32, 99.0, 1)):
        metrics.on_finish(finished(trace_id=trace_id, trace_flags=flags, duration=duration))
    app = door.watch(ScriptedApp(), metrics)
    assert "b" * 32 not in scrape(door.call, app, "text/plain").text
    samples = scrape(door.call, app, OPENMETRICS).samples(f"{DURATION}_bucket", http_route="unmatched")
    exemplars = {sample.labels["le"]: sample.exemplar for sample in samples if sample.exemplar is not None}
    assert set(exemplars) == {"0.25", "+Inf"}
    assert exemplars["0.25"].labels == {"trace_id": "b" * 32}
    assert exemplars["0.25"].value == 0.2
    assert float(exemplars["0.25"].timestamp) == 1_700_000_000.2
    assert exemplars["+Inf"].labels == {"trace_id": "d" * 32}


@pytest.mark.parametrize("trace_id", ["x" * 500, "\ud800", "é", None])
def test_a_trace_id_that_is_none_is_no_exemplar(registry: Any, scrape: Any, trace_id: Any) -> None:
    """Another plugin may say anything; OpenMetrics refuses pages with long exemplars."""
    metrics = LatencyMetrics(registry=registry)
    app = ASGIMiddleware(ScriptedApp().asgi, metrics, Traced(trace_id, 1))
    call_asgi(app)
    page = scrape(call_asgi, app, OPENMETRICS)
    assert all(sample.exemplar is None for sample in page.samples(f"{DURATION}_bucket"))


def test_a_scheme_that_strangers_made_up_is_bounded(metrics: Any, scrape: Any) -> None:
    """An HTTP/2 client chooses `:scheme`."""
    pages: list[Any] = []
    app = ASGIMiddleware(ScriptedApp(before=lambda: pages.append(_elsewhere(scrape, app))).asgi, metrics)
    call_asgi(app, scope={"scheme": "gopher"})
    assert pages[0].value("http_server_active_requests", url_scheme="_OTHER") == 1


def _elsewhere(scrape: Callable[..., Any], app: Any) -> Any:
    pages: list[Any] = []
    thread = threading.Thread(target=lambda: pages.append(scrape(call_asgi, app)))
    thread.start()
    thread.join()
    return pages[0]


def test_failures_of_plugins_are_shown(door: Any, metrics: Any, scrape: Any) -> None:
    """An observer that fails is seen by the operator, where the client sees nothing."""

    class Breaks(Plugin):
        def on_request(self, exchange: Exchange) -> None:
            raise ValueError("mine")

    app = door.watch(ScriptedApp(), metrics, Breaks())
    door.call(app)
    page = scrape(door.call, app)
    (sample,) = [
        sample
        for sample in page.samples("midwatch_plugin_errors_total")
        if sample.labels["moment"] == Breaks.on_request.__qualname__
    ]
    assert sample.value >= 2


def test_deliveries_are_shown_by_channel_and_without_credentials(metrics: Any, scrape: Any) -> None:
    """Channels of one name are one; who reads metrics learns no key."""
    first, second = (Channel[str]("sentry://key:secret@bugs.example/1", lambda batch: None) for _ in range(2))
    first.sent, first.dropped, second.sent, second.dropped = 3, 1, 4, 1
    page = scrape(call_wsgi, door_of(metrics))
    channel = "sentry://bugs.example/1"
    assert page.value("midwatch_delivery_sent_total", channel=channel) == 7
    assert page.value("midwatch_delivery_dropped_total", channel=channel) == 2
    assert page.value("midwatch_delivery_pending", channel=channel) == 0
    assert "secret" not in page.text


def door_of(metrics: LatencyMetrics) -> Any:
    from midwatch import WSGIMiddleware

    return WSGIMiddleware(ScriptedApp().wsgi, metrics)


def test_an_exchange_may_end_while_a_series_is_being_changed(metrics: Any) -> None:
    """The garbage collector ends dropped responses whenever it likes, in the thread that holds the lock too."""
    metrics.on_finish(finished())
    with metrics._table.lock:
        metrics.on_finish(finished())
    (series,) = metrics._table.durations()
    assert sum(series.counts) == 2


FORKED = """
import os, threading
from midwatch import WSGIMiddleware
from midwatch.metrics import LatencyMetrics
from midwatch.testing import ScriptedApp, call_wsgi

class Stuck:
    def collect(self):
        stuck.set()
        threading.Event().wait()

metrics = LatencyMetrics(registry=Stuck())
stuck, held = threading.Event(), threading.Event()
app = WSGIMiddleware(ScriptedApp().wsgi, metrics)
call_wsgi(app)
def hold():
    with metrics._table.lock:
        held.set()
        threading.Event().wait()
threading.Thread(target=lambda: call_wsgi(app, path="/metrics"), daemon=True).start()
assert stuck.wait(30)
threading.Thread(target=hold, daemon=True).start()
assert held.wait(30)
child = os.fork()
if child == 0:
    Stuck.collect = lambda self: []
    page = call_wsgi(app, path="/metrics")
    assert page.status == 200, page
    print(b"unmatched" in page.body, flush=True)
    os._exit(0)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_counts_for_itself() -> None:
    """A fork in the midst of a render and an observation leaves a child that serves, and starts at zero."""
    ran = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.stdout, ran.returncode) == ("False\n", 0), ran.stderr


def test_the_exchange_outlives_no_request(door: Any, metrics: Any) -> None:
    """Nothing of a request is kept once it is over, whatever became of it."""
    seen: list[int] = []
    app = ScriptedApp(error=ValueError("x"), before=lambda: seen.append(len(metrics._active.exchanges)))
    door.call(door.watch(app, metrics))
    assert current() is None
    assert seen == [1]
    assert not metrics._active.exchanges
