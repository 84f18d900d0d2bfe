"""The application's own metrics: made at any time, counted by all workers, on every page."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry

import midwatch.metrics.application as module
from midwatch import ASGIMiddleware
from midwatch.metrics import LatencyMetrics, counter, gauge, histogram
from midwatch.metrics.application import Applications
from midwatch.metrics.slots import Slot
from midwatch.metrics.store import Store
from midwatch.testing import ScriptedApp, call_asgi

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def applications(monkeypatch: pytest.MonkeyPatch) -> Iterator[Applications]:
    """Nothing of other tests."""
    mine = Applications()
    monkeypatch.setattr(module, "applications", mine)
    monkeypatch.setattr("midwatch.metrics.latency.applications", mine)
    yield mine
    mine.store.slot.close()


def test_they_are_on_the_page_whenever_they_were_made(door: Any, registry: Any, scrape: Any) -> None:
    before = counter("orders_placed", "Orders.", ("kind",))
    before.add(2, "card")
    app = door.watch(ScriptedApp(), LatencyMetrics(registry=registry))
    before.add(1, "card")
    gauge("orders_waiting", "Orders.").set(4)
    histogram("order_amount", "Euros.", buckets=(10, 100)).observe(50)
    page = scrape(door.call, app)
    assert page.value("orders_placed_total", kind="card") == 3
    assert page.value("orders_waiting") == 4
    assert page.value("order_amount_bucket", le="100.0") == 1


def test_what_was_counted_moves_to_where_workers_share(
    tmp_path: Path, applications: Applications, scrape: Any, door: Any
) -> None:
    """Also what is counted by a child that was made before; once, however many metrics there are."""
    placed = counter("orders_placed", "Orders.", ("kind",))
    kept = placed.of("card")
    kept.add(2)
    seconds = histogram("order_seconds", "Time.", buckets=(1,))
    seconds.observe(0.5)
    first = LatencyMetrics(registry=CollectorRegistry(), directory=tmp_path)
    second = LatencyMetrics(registry=CollectorRegistry())
    kept.add(3)
    placed.add(5, "card")
    later = counter("orders_lost", "Orders.")
    later.add()
    assert applications.store is first.store
    for metrics in (first, second):
        page = scrape(door.call, door.watch(ScriptedApp(), metrics))
        assert page.value("orders_placed_total", kind="card") == 10
        assert page.value("order_seconds_count") == 1
        assert page.value("orders_lost_total") == 1
    first.store.slot.close()


def test_the_next_one_that_shares_takes_over_once_the_first_is_gone(tmp_path: Path, applications: Applications) -> None:
    placed = counter("orders_placed", "Orders.")
    placed.add(2)
    stores = [Store(Slot(tmp_path / name)) for name in ("a", "b", "c")]

    class Owner: ...

    first, second = Owner(), Owner()
    applications.move(stores[0], first)
    applications.move(stores[1], second)
    assert placed.store is stores[0]
    del first
    applications.move(stores[2], second)
    assert placed.store is stores[2]
    placed.add(1)
    assert [
        sample.value for family in stores[2].collect() if family.name == "orders_placed" for sample in family.samples
    ] == [3]
    for store in stores:
        store.slot.close()


def test_what_was_counted_is_counted_once_however_often_the_application_is_made(
    tmp_path: Path, applications: Applications, scrape: Any, caplog: Any
) -> None:
    """As in a test suite that makes one for each test; its own figures do not move either."""
    placed, waiting = counter("orders_placed", "Orders."), gauge("orders_waiting", "Orders.", merge="min")
    seconds = histogram("order_seconds", "Time.", buckets=(1,))
    for number in range(5):
        metrics = LatencyMetrics(registry=CollectorRegistry(), directory=tmp_path)
        app = ASGIMiddleware(ScriptedApp().asgi, metrics)
        placed.add()
        seconds.observe(0.5)
        waiting.set(3)
        page = scrape(call_asgi, app)
        assert page.value("orders_placed_total") == page.value("order_seconds_count") == number + 1
        assert page.value("orders_waiting") == 3
        del metrics, app
        gc.collect()
    assert not [text for text in caplog.messages if text.startswith("metrics")]
    applications.store.slot.close()


def test_an_application_that_is_dropped_leaves_them_to_the_next_one(tmp_path: Path, scrape: Any) -> None:
    """Also while a pulse still holds what the dropped one counted with."""
    waiting = gauge("orders_waiting", "Orders.", merge="min")
    held = LatencyMetrics(registry=CollectorRegistry(), directory=tmp_path)
    app = ASGIMiddleware(ScriptedApp().asgi, held)
    scrape(call_asgi, app)
    del app
    gc.collect()
    metrics = LatencyMetrics(registry=CollectorRegistry(), directory=tmp_path)
    app = ASGIMiddleware(ScriptedApp().asgi, metrics)
    waiting.set(3)
    held.pulse.end()
    assert scrape(call_asgi, app).value("orders_waiting") == 3


@pytest.mark.parametrize(
    "name", ["http_server_x", "midwatch_series", "process_x", "python_gc_collections", "health_check_x"]
)
def test_a_name_of_ours_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"name: '{name}' begins as names of Midwatch's own do"):
        counter(name, "Mine.")


def test_a_name_declared_otherwise_is_refused() -> None:
    counter("orders", "Orders.")
    assert counter("orders", "Orders.") is counter("orders", "Orders.")
    with pytest.raises(ValueError, match="'orders' was declared otherwise"):
        histogram("orders", "Orders.")


def test_their_label_sets_are_bounded(door: Any, registry: Any, scrape: Any, tmp_path: Path) -> None:
    metrics = LatencyMetrics(registry=registry, directory=tmp_path, max_series=5)
    placed = counter("orders_placed", "Orders.", ("customer",))
    for number in range(100):
        placed.add(1, number)
    page = scrape(door.call, door.watch(ScriptedApp(), metrics))
    assert page.value("orders_placed_total", customer="overflow") == 95
    assert page.value("midwatch_series_refused_total", family="orders_placed") == 95
    metrics.store.slot.close()


def test_blocks_and_functions_are_timed() -> None:
    """Also a function that raises, one that recurs, and a coroutine until it is done."""
    seconds = histogram("seconds", "Time.", ("what",))

    @seconds.time("recurs")
    def recurs(times: int) -> int:
        """Says so."""
        return 1 + recurs(times - 1) if times else 0

    @seconds.time("raises")
    def raises() -> None:
        raise KeyError

    @seconds.time("waits")
    async def waits() -> str:
        await asyncio.sleep(0)
        return "done"

    assert recurs(3) == 3
    assert recurs.__doc__ == "Says so."
    with pytest.raises(KeyError):
        raises()
    assert asyncio.run(waits()) == "done"
    with seconds.time("block"):
        pass
    counts = {
        sample.labels["what"]: sample.value
        for family in seconds.store.collect()
        for sample in family.samples
        if sample.name == "seconds_count"
    }
    assert counts == {"recurs": 4, "raises": 1, "waits": 1, "block": 1}


MULTIPROCESS = """
import os, sys
os.environ["PROMETHEUS_MULTIPROC_DIR"] = sys.argv[1]
import prometheus_client
from midwatch import LatencyMetrics, WSGIMiddleware
from midwatch.testing import ScriptedApp, call_wsgi
orders = prometheus_client.Counter("orders", "Orders.")
app = WSGIMiddleware(ScriptedApp().wsgi, LatencyMetrics())
for _ in range(2):
    if (child := os.fork()) == 0:
        orders.inc()
        os._exit(0)
    os.waitpid(child, 0)
orders.inc()
print([line for line in call_wsgi(app, path="/metrics").body.decode().splitlines() if line.startswith("orders_total")])
open(os.path.join(sys.argv[1], "counter_1.db"), "w").close()
print(call_wsgi(app, path="/metrics").status)
"""


def test_prometheus_clients_own_mode_for_several_processes_goes_on(tmp_path: Path) -> None:
    """All workers are added up; a file that it cannot read does not cost the page."""
    ran = subprocess.run(
        [sys.executable, "-c", MULTIPROCESS, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.stdout, ran.returncode) == ("['orders_total 3.0']\n200\n", 0), ran.stderr


@pytest.mark.parametrize("said", [None, 5, b"bytes"])
def test_what_is_said_is_text(said: Any) -> None:
    """Found where it is written: later it would be the page, or the start of a worker, that fails."""
    for make in (counter, gauge, histogram):
        with pytest.raises(ValueError, match=r"said: .* is no text"):
            make("orders", said)


def test_what_is_said_may_be_any_text(door: Any, registry: Any, scrape: Any) -> None:
    counter("orders", "\ud800\n# EOF\n\0" + "x" * 100_000).add()
    app = door.watch(ScriptedApp(), LatencyMetrics(registry=registry))
    page = scrape(door.call, app)
    assert page.value("orders_total") == 1
    assert len(page.text) < 100_000


def test_buckets_and_names_are_bounded() -> None:
    with pytest.raises(ValueError, match="buckets: more than 200"):
        histogram("seconds", "Time.", buckets=range(100_000))
    with pytest.raises(ValueError, match="is no name of a metric"):
        counter("x" * 10_000, "Long.")
    with pytest.raises(ValueError, match="is no name of a label"):
        counter("orders", "Orders.", ("x" * 10_000,))


class Evil:
    """What cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__

    def __float__(self) -> float:
        raise RuntimeError("no")


class Unhashable(str):
    __slots__ = ()

    def __hash__(self) -> int:
        raise RuntimeError("no")


ANYTHING: list[Any] = [
    None,
    b"\xff",
    "\ud800",
    "x" * 100_000,
    Evil(),
    Unhashable("a"),
    object,
    [],
    {},
    10**5000,
    True,
    '\0\n"\\',
]


def test_label_values_and_figures_of_any_type_raise_nothing(door: Any, registry: Any, scrape: Any) -> None:
    """In the application, where they would be its error; and the page can be read all the same."""
    placed, waiting = counter("placed", "Orders.", ("what",)), gauge("waiting", "Orders.", ("what",))
    seconds = histogram("seconds", "Time.", ("what",))
    figures: list[Any] = [*ANYTHING, -1, float("nan"), float("inf"), 10**400, 1j]
    for what in ANYTHING:
        for call in (placed.add, waiting.set, waiting.add, seconds.observe):
            call(1, what)
    for figure in figures:
        for call in (placed.add, waiting.set, waiting.add, seconds.observe):
            call(figure, "figure")
    for values in ((), ("a", "b", "c")):
        placed.add(1, *values)
    app = door.watch(ScriptedApp(), LatencyMetrics(registry=registry))
    for accept in ("", "application/openmetrics-text; version=1.0.0"):
        page = scrape(door.call, app, accept=accept)
        assert sum(sample.value for sample in page.samples("placed_total")) >= len(ANYTHING)
        # Of the figures one is a number that may be added.
        assert page.value("placed_total", what="figure") == float(True)


def test_a_signal_handler_may_count_in_the_midst_of_counting() -> None:
    """Once each, and nobody waits for anybody."""
    program = """
import signal
from midwatch.metrics import counter
hits = 0
orders = counter("orders", "Orders.", ("who",))
def handler(*_):
    global hits
    hits += 1
    orders.add(1, "handler")
    orders.add(1, str(hits))
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
while hits < 20:
    orders.add(1, "main")
signal.setitimer(signal.ITIMER_REAL, 0)
assert orders.of("handler").cells[0] == hits
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_what_is_made_while_all_moves_is_shown_too(tmp_path: Path, applications: Applications, scrape: Any) -> None:
    """A module that is imported late makes its own in one thread while another one installs."""
    made: list[LatencyMetrics] = []

    def install() -> None:
        made.append(LatencyMetrics(registry=CollectorRegistry(), directory=tmp_path))

    thread = threading.Thread(target=install)

    def labels() -> Iterator[str]:
        thread.start()
        thread.join(0.5)  # Without the lock it would be over in this time.
        yield "kind"

    counter("orders_placed", "Orders.", labels()).add(1, "card")
    thread.join(10)
    assert applications.store is made[0].store
    page = scrape(call_asgi, ASGIMiddleware(ScriptedApp().asgi, made[0]))
    assert page.value("orders_placed_total", kind="card") == 1


CLASSIC = [
    "http_requests",
    "http_request_size_bytes",
    "http_response_size_bytes",
    "http_request_duration_highr_seconds",
    "http_request_duration_seconds",
    "http_requests_inprogress",
]


@pytest.mark.parametrize("name", CLASSIC)
def test_a_classic_name_of_ours_is_taken_while_it_is_shown(registry: Any, name: str) -> None:
    """Whichever comes first, the other says so at the start; one of them would be missing on the page."""
    gauge(f"{name}_ours", "Another.")
    metrics = LatencyMetrics(registry=registry, names="classic")
    with pytest.raises(ValueError, match=f"name: '{name}' is what `metrics.names` \"classic\" calls figures of"):
        counter(name, "Requests.")
    del metrics
    gc.collect()
    counter(name, "Requests.").add()
    with pytest.raises(ValueError, match=f"names: \"classic\" has a family '{name}', and so has the application"):
        LatencyMetrics(registry=registry, names="classic")
    LatencyMetrics(registry=registry)


def test_all_classic_names_are_known(registry: Any) -> None:
    plain, classic = (
        {family.name for family in LatencyMetrics(registry=registry, names=names).collector.collect()}
        for names in ("otel", "classic")
    )
    assert classic - plain == set(CLASSIC)
