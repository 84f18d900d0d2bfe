"""All of them on one page."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from midwatch.metrics.collector import Shown
from midwatch.metrics.exposition import OPENMETRICS, TEXT
from midwatch.metrics.live import Live
from midwatch.metrics.live.scrapes import ScrapeFigures
from midwatch.metrics.own import mirror
from midwatch.metrics.page import Asked, Page
from midwatch.metrics.pulse import Pulse
from midwatch.metrics.slots import Slot
from midwatch.metrics.store import Store
from midwatch.proxies import LOCAL, Networks
from midwatch.testing import Recorder

if TYPE_CHECKING:
    from pathlib import Path


def test_a_page_of_all_of_them_is_read_by_both_parsers(store: Store) -> None:
    """And the figures of prometheus_client for one process are nowhere beside them."""
    pulse = Pulse(3600)
    live = Live(store, pulse, Recorder())
    pulse.now()
    live.scrapes.note(0.01, 1000)
    for wanted, parse in ((TEXT, parse_text), (OPENMETRICS, parse_openmetrics)):
        families = list(parse(wanted.write(Shown(store).collect()).decode()))
        names = [family.name for family in families]
        assert len(set(names)) == len(names)
        (cpu,) = [family for family in families if family.name == "process_cpu_seconds"]
        assert len(cpu.samples) == 1
        shown = {sample.name for family in families for sample in family.samples}
        assert {"process_threads", "python_gc_collections_total", "midwatch_scrapes_total",
                "midwatch_metrics_file_errors_total", "python_info"} <= shown  # fmt: skip
    live.stop()


def test_the_collector_is_not_called_after_stop(store: Store) -> None:
    """And again after the next pulse."""
    pulse = Pulse(3600)
    live = Live(store, pulse, Recorder())
    pulse.now()
    watch = live._once.now.garbage._watch
    assert watch in gc.callbacks
    live.stop()
    assert watch not in gc.callbacks
    pulse.now()
    assert live._once.now.garbage._watch in gc.callbacks
    live.stop()


def test_a_scrape_is_told_of(store: Store, shown: Any) -> None:
    """How long it took, and its size before compression."""
    scrapes = ScrapeFigures(store)
    registry = CollectorRegistry()
    page = Page(Shown(store, registry), Networks(LOCAL), scraped=scrapes.note)
    sizes = []
    for accept_encoding in ("", "gzip"):
        hold: Any = page.respond(Asked("GET", "127.0.0.1", direct=True, accept_encoding=accept_encoding))
        sizes.append(len(hold.wait().body))
    values = shown(store)
    assert values["midwatch_scrapes_total",] == values["midwatch_scrape_duration_seconds_count",] == 2
    assert values["midwatch_scrape_duration_seconds_sum",] > 0
    assert values["midwatch_scrape_bytes",] > sizes[1]


def test_what_could_not_be_kept_is_on_the_page(tmp_path: Path, shown: Any) -> None:
    """A worker whose figures may be missing on the pages of others says so; and once for each time."""
    slot = Slot(tmp_path / "figures")
    store = Store(slot)
    figures = ScrapeFigures(store)
    figures.turn()
    assert shown(store)["midwatch_metrics_storage_errors_total",] == 0
    (tmp_path / "figures" / "slot-0").unlink()
    store.turn()
    figures.turn()
    figures.turn()
    assert shown(store)["midwatch_metrics_storage_errors_total",] == 1
    slot.close()


def test_damaged_files_are_counted(tmp_path: Path, shown: Any) -> None:
    """On each page that had to do without them."""
    directory = tmp_path / "figures"
    directory.mkdir(0o700)
    store = Store(Slot(directory))
    ScrapeFigures(store).turn()
    assert shown(store)["midwatch_metrics_file_errors_total",] == 0
    whole = next(path for path in directory.iterdir() if path.stat().st_size)
    names = sorted(path.name for path in directory.iterdir())
    damaged = directory / whole.name.replace("0", "7", 1) if "0" in whole.name else directory / f"7{whole.name}"
    damaged.write_bytes(b"\xff" * 4096)
    shown(store)
    again = shown(store)["midwatch_metrics_file_errors_total",]
    assert again >= 1, names


@pytest.mark.parametrize("beating", [[0], [1], [0, 1]])
def test_one_process_is_counted_once_in_a_directory(tmp_path: Path, shown: Any, beating: list[int]) -> None:
    """Though two applications in it share the figures, and whichever of them runs."""
    directory = tmp_path / "figures"
    directory.mkdir(0o700)
    stores, pulses = [Store(Slot(directory)) for _ in range(2)], [Pulse(3600) for _ in range(2)]
    lives = [Live(store, pulse, Recorder(), directory) for store, pulse in zip(stores, pulses, strict=True)]
    for number in beating * 2:
        pulses[number].now()
    values = shown(stores[1])
    assert sum(name[0] == "midwatch_worker_open_fds" for name in values) == 1
    assert 0 < values["process_cpu_seconds_total",] <= sum(os.times()[:2]) + 0.1
    for live in lives:
        live.stop()


def test_what_is_counted_stays_so_when_applications_come_and_go(tmp_path: Path, shown: Any) -> None:
    """As those of a test suite, or of a server that loads its application again."""
    directory = tmp_path / "figures"
    directory.mkdir(0o700)
    for _ in range(5):
        store, pulse = Store(Slot(directory)), Pulse(3600)
        live = Live(store, pulse, Recorder(), directory)
        mirror(store, pulse, directory)
        for _ in range(10):
            pulse.now()
        live.stop()
        values = shown(store)
        used = sum(os.times()[:2])
        collected = sum(stat["collections"] for stat in gc.get_stats())
        del store, pulse, live
        gc.collect()
    assert 0 < values["process_cpu_seconds_total",] <= used + 0.1
    assert sum(value for name, value in values.items() if name[0] == "python_gc_collections_total") <= collected


def test_what_this_process_counts_is_shown_by_whichever_application_is_left(
    tmp_path: Path, shown: Any, monkeypatch: Any
) -> None:
    failures: dict[str, int] = {"one": 1}
    monkeypatch.setattr("midwatch.plugin.failures", failures)
    stores, pulses = [Store(Slot(tmp_path)) for _ in range(2)], [Pulse(3600) for _ in range(2)]
    for store, pulse in zip(stores, pulses, strict=True):
        mirror(store, pulse, tmp_path)
        pulse.now()
    del store, pulse
    name = "midwatch_plugin_errors_total", "one"
    assert shown(stores[1])[name] == 1
    del stores[0], pulses[0]
    gc.collect()
    failures["one"] = 3
    pulses[0].now()
    assert shown(stores[0])[name] == 3
    pulses.clear()
    gc.collect()
    again = Pulse(3600)
    mirror(stores[0], again, tmp_path)
    again.now()
    assert shown(stores[0])[name] == 3
