"""What a process uses: the figures of prometheus_client's `ProcessCollector`, for all workers."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, ProcessCollector

from midwatch.metrics.live.process import ProcessFigures
from midwatch.metrics.slots import Slot
from midwatch.metrics.store import Store


def test_the_figures_are_those_of_prometheus_client(store: Store, shown: Any) -> None:
    """Under the same names, so that dashboards go on."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    ProcessFigures(store).turn()
    ours, theirs = shown(store), shown(registry)
    assert theirs.keys() <= ours.keys()
    for name in ("process_start_time_seconds", "process_max_fds", "process_open_fds"):
        assert ours[name,] == pytest.approx(theirs[name,], abs=1)
    for name in ("process_virtual_memory_bytes", "process_resident_memory_bytes"):
        assert ours[name,] == pytest.approx(theirs[name,], rel=0.2)
    assert ours["process_cpu_seconds_total",] == pytest.approx(theirs["process_cpu_seconds_total",], abs=0.5)
    assert ours["process_threads",] >= 1
    assert ours["process_context_switches_total", "voluntary"] > 0


def test_helps_and_types_are_theirs(store: Store) -> None:
    """Of what a dashboard may be made of."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    ProcessFigures(store).turn()
    ours = {family.name: family.type for family in store.collect()}
    assert {family.name: family.type for family in registry.collect()}.items() <= ours.items()


def test_open_files_are_counted_as_they_are(store: Store, shown: Any) -> None:
    """The one that is open to count them is none."""
    figures = ProcessFigures(store)
    figures.turn()
    before = shown(store)["process_open_fds",]
    with Path(os.devnull).open("rb"), Path(os.devnull).open("rb"):
        figures.turn()
        assert shown(store)["process_open_fds",] == before + 2
    (worker,) = [value for (name, *_), value in shown(store).items() if name == "midwatch_worker_open_fds"]
    assert worker == before + 2


def test_seconds_are_counted_once(store: Store, shown: Any) -> None:
    """However often the pulse beats."""
    figures = ProcessFigures(store)
    for _ in range(100):
        figures.turn()
    assert shown(store)["process_cpu_seconds_total",] <= sum(os.times()[:2]) + 0.1


def _burn(store: Store) -> None:
    figures = ProcessFigures(store)
    for turn in range(3):
        sum(range(200_000 * turn))
        figures.turn()


def test_a_worker_that_has_gone_is_still_counted(tmp_path: Path, shown: Any) -> None:
    """Recycled workers leave their seconds behind, and no memory; the parent's seconds are not the children's."""
    directory = tmp_path / "figures"
    directory.mkdir(0o700)
    totals = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            _burn(Store(Slot(directory)))
            os._exit(0)
        os.waitpid(child, 0)
        values = shown(Store(Slot(directory)))
        totals.append(values["process_cpu_seconds_total",])
        assert ("process_resident_memory_bytes",) not in values
    assert 0 < totals[0] < totals[1] < totals[2]
    # Three short lives, though this process may have used minutes by now.
    assert totals[2] < 10


@pytest.mark.parametrize("stat", [None, b"", b"1 (x) S 1", b"1 (a) b) x y z", b"\xff" * 9, b"1 (x) " + b"z " * 40])
def test_a_procfs_that_is_none_is_no_error(store: Store, shown: Any, tmp_path: Path, stat: bytes | None) -> None:
    """What the kernel says otherwise is still there."""
    if stat is not None:
        (tmp_path / "self").mkdir()
        (tmp_path / "self" / "stat").write_bytes(stat)
        (tmp_path / "stat").write_bytes(b"btime x\nbtime\n\xff\n")
    ProcessFigures(store, tmp_path).turn()
    assert shown(store)["process_cpu_seconds_total",] > 0
    assert ("process_resident_memory_bytes",) not in shown(store)


def test_a_program_may_be_called_anything(store: Store, shown: Any, tmp_path: Path) -> None:
    """Brackets and spaces are no end of its name (proc(5))."""
    (tmp_path / "self" / "fd").mkdir(parents=True)
    fields = " ".join(str(number) for number in range(3, 53))
    (tmp_path / "self" / "stat").write_text(f"7 (a) ) b (c) {fields}")
    (tmp_path / "stat").write_text("cpu 1 2\nbtime 1000\n")
    ProcessFigures(store, tmp_path).turn()
    values = shown(store)
    assert values["process_threads",] == 20
    assert values["process_virtual_memory_bytes",] == 23
    assert values["process_start_time_seconds",] == 1000 + 22 / os.sysconf("SC_CLK_TCK")


def test_many_files_are_counted_less_often(store: Store, shown: Any, tmp_path: Path) -> None:
    """Listing a hundred thousand of them each second would be felt."""
    descriptors = tmp_path / "self" / "fd"
    descriptors.mkdir(parents=True)
    (tmp_path / "self" / "stat").write_text(f"7 (x) {' '.join('1' * 50)}")
    figures = ProcessFigures(store, tmp_path)
    asked = []
    limit = descriptors.stat().st_size or 0
    for number in range(1500):
        (descriptors / str(number)).touch()
    for _ in range(4):
        figures.turn()
        asked.append(figures._skip)
    assert limit >= 0
    assert asked[0] >= 1
    assert asked[1] == asked[0] - 1
    assert re.fullmatch(r"\d+\.0", str(shown(store)["process_open_fds",]))
