"""How many series there are, what their labels may hold, and that no observation is lost."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics import parser
from prometheus_client.parser import text_string_to_metric_families as parse_text

from midwatch import ASGIMiddleware, Exchange, Plugin
from midwatch.metrics import LatencyMetrics, exposition
from midwatch.metrics.series import EXEMPLAR, trace_of
from midwatch.testing import ScriptedApp, call_asgi

if TYPE_CHECKING:
    from pathlib import Path

DURATION = "http_server_request_duration_seconds"
SIZE = "http_server_response_body_size_bytes"
parse_openmetrics: Any = parser.text_string_to_metric_families

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Traced(Plugin):
    """Gives every request a trace."""

    def __init__(self, trace_id: str, flags: int) -> None:
        self.trace_id, self.flags = trace_id, flags

    def on_request(self, exchange: Exchange) -> None:
        exchange.trace_id, exchange.trace_flags = self.trace_id, self.flags


def test_counts_are_complete_right_after_eight_threads(finished: Any, metrics: Any, scrape: Any) -> None:
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


def test_strangers_make_no_series(finished: Any, metrics: Any, scrape: Any) -> None:
    """A hundred thousand paths and ten thousand methods are two series, and nothing is kept of them."""
    exchange = finished(status=404)  # One for all of them: to make it takes longer than to count it.
    for number in range(100_000):
        exchange.method = "GET" if number % 10 else f"M{number}"
        exchange.path = exchange.app_path = f"/{number}"
        metrics.on_request(exchange)
        metrics.on_finish(exchange)
    assert len(metrics._table) == 2
    assert len(metrics._table.known) == 1
    assert not metrics._active.exchanges
    page = scrape(call_asgi, ASGIMiddleware(ScriptedApp().asgi, metrics))
    counts = {sample.labels["http_request_method"]: sample.value for sample in page.requests()}
    assert counts == {"GET": 90_000, "_OTHER": 10_000}
    assert page.value("midwatch_series", family=DURATION) == 2


def test_beyond_max_series_there_is_one_overflow(finished: Any, door: Any, registry: Any, scrape: Any) -> None:
    """An application that makes routes without end gets one more series, and a count of what went there."""
    metrics = LatencyMetrics(registry=registry, max_series=3)
    for number in range(50):
        metrics.on_finish(finished(route=f"/{number}", duration=1.0, bytes_out=2))
    app = door.watch(ScriptedApp(), metrics)
    page = scrape(door.call, app)
    assert [sample.labels["http_route"] for sample in page.requests()] == ["/0", "/1", "/2", "overflow"]
    names = ("http_request_method", "http_route", "http_response_status_code")
    overflow = dict.fromkeys(names, "overflow")
    assert page.value(f"{DURATION}_count", **overflow, error_type="overflow") == 47
    assert page.value(f"{SIZE}_sum", **overflow) == 94
    assert page.value("midwatch_series_refused_total", family=DURATION) == 47
    assert page.value("midwatch_series", family=DURATION) == 4
    metrics.on_finish(finished(route="/1"))
    assert scrape(door.call, app).value(f"{DURATION}_count", http_route="/1") == 2


def test_workers_that_follow_each_other_have_one_budget(finished: Any, registry: Any, tmp_path: Path) -> None:
    """Though what each of them counts first is a series that its slot has no room for."""
    for generation in range(4):
        metrics = LatencyMetrics(registry=registry, max_series=3, directory=tmp_path / "figures")
        for number in range(5):
            metrics.on_finish(finished(route=f"/{generation}/{number}"))
        counted = metrics.counted()
        assert len(counted) == 4
        assert sum(sum(series.counts) for series in counted) == 5 * (generation + 1)
        metrics.store.slot.close()


def test_a_route_that_is_cut_is_not_remembered_in_every_length(finished: Any, registry: Any) -> None:
    """What leads to the same labels is one series, and the shortcut to it stays bounded."""
    metrics = LatencyMetrics(registry=registry, max_series=5)
    for number in range(1000):
        metrics.on_finish(finished(route="/" + "x" * 500 + str(number)))
    assert len(metrics._table) == 1
    assert len(metrics._table.known) == 10


@pytest.mark.parametrize(("status", "label"), [(100, "100"), (599, "599"), (99, ""), (600, ""), (0, ""), (None, "")])
def test_a_status_code_is_one_or_nothing(
    finished: Any, metrics: Any, scrape: Any, status: int | None, label: str
) -> None:
    """Only codes that RFC 9110 section 15 knows of become labels."""
    metrics.on_finish(finished(status=status))
    (sample,) = scrape(call_asgi, ASGIMiddleware(ScriptedApp().asgi, metrics)).requests()
    assert sample.labels["http_response_status_code"] == label


@settings(max_examples=50)
@given(st.lists(st.one_of(st.text(), st.text('"\\\n\r\0{},= #\ud800é')), min_size=1, max_size=5))
def test_any_route_is_a_valid_label(finished: Any, routes: list[str]) -> None:
    """Quotes, newlines, surrogates: both parsers read back what was meant, and no label set comes twice."""
    metrics = LatencyMetrics(registry=CollectorRegistry())
    for route in routes:
        metrics.on_finish(finished(route=route))
    shown = [family for family in metrics.store.collect() if family.name == DURATION]
    meant = {route.encode("utf-8", "replace").decode()[:256].replace("\0", "\ufffd") for route in routes}
    for wanted, parse in ((exposition.TEXT, parse_text), (exposition.OPENMETRICS, parse_openmetrics)):
        (family,) = parse(wanted.write(shown).decode())
        counts = [sample.labels["http_route"] for sample in family.samples if sample.name == f"{DURATION}_count"]
        assert sorted(counts) == sorted(meant)


def test_exemplars_are_the_latest_sampled_trace_and_in_openmetrics_only(
    finished: Any, door: Any, registry: Any, scrape: Any
) -> None:
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


def test_an_exchange_may_end_while_a_series_is_being_changed(finished: Any, metrics: Any) -> None:
    """The garbage collector ends dropped responses whenever it likes, in the thread that holds the lock too."""
    metrics.on_finish(finished())
    with metrics.store.lock:
        metrics.on_finish(finished())
    (counted,) = metrics.counted()
    assert sum(counted.counts) == 2


def test_what_is_forgotten_is_gone(finished: Any, door: Any, metrics: Any, scrape: Any) -> None:
    """A forked child shows nothing that its parent counted or serves."""
    metrics.on_finish(finished())
    metrics.on_request(finished(ended=None))
    metrics.forget()
    page = scrape(door.call, door.watch(ScriptedApp(), metrics))
    assert not page.requests()
    assert [sample.value for sample in page.samples("http_server_active_requests")] == [0]


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
    with metrics.store.lock:
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
    ran = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout, ran.returncode) == ("False\n", 0), ran.stderr


def test_exemplars_that_are_mixed_up_are_none(finished: Any, registry: Any, tmp_path: Path) -> None:
    """Read while they are written, or added to those that a process before left in the slot."""
    metrics = LatencyMetrics(registry=registry, directory=tmp_path / "figures")
    metrics.on_finish(finished(trace_id="ab" * 16, trace_flags=1, duration=0.2))
    metrics.pulse.now()
    (key,) = (family for family in metrics.store.slot.read().families() if "exemplars" in family)
    ((labels, cells),) = metrics.store.slot.read().total(key)
    at = next(index for index, cell in enumerate(cells) if cell)
    one = cells[at : at + EXEMPLAR]
    assert trace_of(one) == ("ab" * 16, 0.2, one[4])
    for other in ([2 * cell for cell in one], [1.0, *one[1:]], [*one[:3], 0.3, one[4]], [-1.0, *one[1:]], [0.0] * 5,
                  [math.nan, *one[1:]], [*one[:2], math.inf, *one[3:]]):  # fmt: skip
        assert trace_of(other) is None
    view = metrics.store.slot.cells(key, labels, len(cells))
    for index in range(len(cells)):
        view[index] *= 2
    text = exposition.OPENMETRICS.write(metrics.collector.collect())
    assert b"trace_id" not in text
    metrics.store.slot.close()
