"""From the start to the end of a process: what is started, what is said, what is left."""

from __future__ import annotations

import gc
import logging
import threading
from typing import TYPE_CHECKING, Any, cast
from urllib.request import urlopen

import pytest

from midwatch import ASGIMiddleware, WSGIMiddleware, install
from midwatch.delivery import lost
from midwatch.metrics import LatencyMetrics, arguments, gauge
from midwatch.metrics import application as module
from midwatch.testing import ScriptedApp, call_asgi, call_wsgi

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def hinted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that may have other workers."""
    monkeypatch.setattr(arguments, "workers_hint", lambda: "gunicorn made this process, so there may be other workers")
    arguments._warned.clear()


@pytest.mark.usefixtures("hinted")
def test_workers_that_share_nothing_are_told_of_once(registry: Any, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        metrics = LatencyMetrics(registry=registry)
        metrics.on_startup()
        metrics.on_shutdown(0)
    (record,) = [record for record in caplog.records if "other workers" in record.getMessage()]
    assert record.levelno == logging.WARNING
    assert "metrics.directory" in record.getMessage()


@pytest.mark.usefixtures("hinted")
def test_workers_that_share_are_not(registry: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    metrics = LatencyMetrics(registry=registry, directory=tmp_path)
    metrics.on_startup()
    metrics.on_shutdown(0)
    assert "other workers" not in caplog.text
    metrics.store.slot.close()


def test_the_page_is_on_a_port_of_its_own_too(finished: Any, registry: Any) -> None:
    metrics = LatencyMetrics(registry=registry, path=None, listen="127.0.0.1:0")
    metrics.on_finish(finished(route="/orders"))
    metrics.on_startup()
    try:
        assert metrics.port is not None
        assert metrics.port.address is not None
        with urlopen(f"http://127.0.0.1:{metrics.port.address[1]}/metrics") as answer:
            assert b'http_route="/orders"' in answer.read()
    finally:
        metrics.on_shutdown(1)
    assert metrics.port.address is None


def test_the_last_second_is_written_down_at_the_end(finished: Any, registry: Any, tmp_path: Path) -> None:
    """What is written once a second is not lost by a worker that ends in between."""
    metrics = LatencyMetrics(registry=registry, directory=tmp_path)
    metrics.on_startup()
    metrics.on_finish(finished(duration=3.0))
    metrics.on_shutdown(1)
    metrics.store.slot.close()
    after = LatencyMetrics(registry=registry, directory=tmp_path)
    samples = [sample for family in after.collector.collect() for sample in family.samples]
    (busy,) = [sample.value for sample in samples if sample.name == "http_server_busy_seconds_total"]
    assert busy == pytest.approx(3.0)
    after.store.slot.close()


def test_no_slot_is_claimed_before_the_process_serves(finished: Any, registry: Any, tmp_path: Path) -> None:
    """A master that loads the application for its workers has none; the directory may be given as text."""
    metrics = LatencyMetrics(registry=registry, directory=str(tmp_path / "figures"))
    assert not list((tmp_path / "figures").glob("slot-*"))
    metrics.on_request(finished())
    metrics.on_finish(finished())
    assert (tmp_path / "figures" / "slot-0").exists()
    metrics.store.slot.close()


def test_the_slot_is_claimed_at_the_start_and_no_request_waits_for_it(
    finished: Any, registry: Any, tmp_path: Path
) -> None:
    metrics = LatencyMetrics(registry=registry, directory=tmp_path / "figures")
    metrics.on_startup()
    assert metrics.store.slot.number == 0
    metrics.on_shutdown(0)
    metrics.store.slot.close()


def test_the_whole_claims_none_either(tmp_path: Path) -> None:
    """With all that the settings start by default."""
    install(ScriptedApp().asgi, {"metrics": {"directory": str(tmp_path / "figures")}, "log": False})
    assert [file for file in (tmp_path / "figures").rglob("*") if not file.is_dir()] == []


def test_two_services_that_name_one_directory_do_not_add_up(tmp_path: Path) -> None:
    """Each page is of one service."""
    settings: dict[str, Any] = {"metrics": {"directory": str(tmp_path)}, "log": False, "health": False, "audit": False}
    apps = [install(ScriptedApp().wsgi, {"service": {"name": name}, **settings}) for name in ("orders", "stock")]
    for _ in range(3):
        call_wsgi(apps[0], path="/sold")
    counts = [
        line.rpartition(" ")[2]
        for app in apps
        for line in call_wsgi(app, path="/metrics").body.decode().splitlines()
        if line.startswith("http_server_request_duration_seconds_count{") and "unmatched" in line
    ]
    assert counts == ["3.0"]
    for app in apps:
        cast("Any", app).lifecycle.stop()


def test_the_page_of_the_second_with_one_directory_has_all_families(tmp_path: Path, registry: Any) -> None:
    """Also those that have no sample yet, of figures that the process has once: the first one's store has them."""
    pages = []
    both = [LatencyMetrics(registry=registry, directory=tmp_path / "figures") for _ in range(2)]
    for metrics in both:
        families = list(metrics.collector.collect())
        pages.append({family.name for family in families})
        assert len(pages[-1]) == len(families)
    assert "midwatch_plugin_errors" in pages[0]
    assert pages[0] == pages[1]


def test_of_two_with_one_directory_the_one_that_serves_counts(tmp_path: Path, registry: Any) -> None:
    """What the process has one of: the other's pulse may never beat."""
    idle, serves = (LatencyMetrics(registry=registry, directory=tmp_path / "figures") for _ in range(2))
    lost("things of this test")
    serves.pulse.now()
    found = {
        sample.labels["what"]: sample.value
        for family in serves.store.collect()
        for sample in family.samples
        if sample.name == "midwatch_lost_total"
    }
    assert found["things of this test"] == 1
    serves.pulse.now()
    idle.pulse.now()
    assert [
        sample.value
        for family in idle.store.collect()
        for sample in family.samples
        if sample.labels.get("what") == "things of this test"
    ] == [1]
    idle.store.slot.close()
    serves.store.slot.close()


def beaten_out(started: set[threading.Thread]) -> None:
    """Wait until the pulses that a test started have ended."""
    gc.collect()
    for thread in pulses() - started:
        thread.join(20)
        assert not thread.is_alive()


def pulses() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "midwatch-pulse"}


@pytest.mark.parametrize("protocol", ["asgi", "wsgi"])
def test_an_application_that_is_dropped_leaves_its_slot_and_its_thread(tmp_path: Path, protocol: str) -> None:
    """A test suite makes hundreds, and stops none of them; each would keep files open and a thread awake."""
    before = pulses()
    for _ in range(5):
        metrics = LatencyMetrics(directory=tmp_path)
        metrics.pulse._period = 0.01
        app = ScriptedApp()
        if protocol == "asgi":
            call_asgi(ASGIMiddleware(app.asgi, metrics))
        else:
            call_wsgi(WSGIMiddleware(app.wsgi, metrics))
        assert metrics.store.slot.number == 0
        beaten_out(before)
        assert metrics.store.slot.number is None
    again = LatencyMetrics(directory=tmp_path)
    assert sum(sum(one.counts) for one in again.counted()) == 5


def test_a_plugin_whose_door_was_dropped_may_have_another(tmp_path: Path) -> None:
    """It claims a slot again, and goes on counting."""
    before = pulses()
    metrics = LatencyMetrics(directory=tmp_path)
    metrics.pulse._period = 0.01
    for number in range(3):
        call_asgi(ASGIMiddleware(ScriptedApp().asgi, metrics))
        beaten_out(before)
        assert sum(sum(one.counts) for one in metrics.counted()) == number + 1


def test_an_application_that_is_left_shows_all_when_the_first_one_is_let_go(
    tmp_path: Path, registry: Any, monkeypatch: Any
) -> None:
    """What the process has one of, and the application's own, were in the store of the one that came first."""
    mine = module.Applications()
    monkeypatch.setattr(module, "applications", mine)
    monkeypatch.setattr("midwatch.metrics.latency.applications", mine)
    first, second = (LatencyMetrics(registry=registry, directory=tmp_path) for _ in range(2))
    waiting = gauge("test_lifecycle_waiting", "Orders.")
    for metrics in (first, second):
        metrics.store.slot.claim()
        metrics.pulse.now()
    waiting.set(3)
    before = _values(second)
    first.let_go()
    first.pulse.end()
    second.pulse.now()
    after = _values(second)
    assert waiting.store is second.store
    assert after["test_lifecycle_waiting"] == 3
    lone = {"process_resident_memory_bytes", "process_threads", "midwatch_worker_open_fds", "midwatch_delivery_pending"}
    assert lone & before.keys() <= after.keys()
    assert "process_threads" in after
    assert after["process_cpu_seconds_total"] >= before["process_cpu_seconds_total"]
    second.let_go()
    second.pulse.end()


def _values(metrics: LatencyMetrics) -> dict[str, float]:
    return {sample.name: sample.value for family in metrics.store.collect() for sample in family.samples}
