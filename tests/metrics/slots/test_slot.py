"""One process: what a slot keeps, and what it leaves to the next."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from midwatch.metrics.slots import Slot, Worker
from midwatch.metrics.slots.layout import FIRST, LARGEST
from midwatch.metrics.store import Store

if TYPE_CHECKING:
    from .conftest import Make


def test_cells_are_seen_at_once(make: Make) -> None:
    slot, other = make(), make()
    cells = slot.cells("requests", ("GET", "/"), 2)
    cells[0] += 1
    cells[1] = 0.5
    assert other.read().total("requests") == [(("GET", "/"), [1.0, 0.5])]
    assert slot.cells("requests", ("GET", "/"), 2) is cells


def test_workers_are_added_up(make: Make) -> None:
    for number, slot in enumerate((make(), make(), make())):
        slot.cells("requests", ("a",), 1)[0] += 10**number
        slot.cells("active", (), 1, live=True)[0] = number + 1
    reading = make().read()
    assert reading.total("requests") == [(("a",), [111.0])]
    assert reading.total("active") == [((), [6.0])]
    assert reading.each("active") == [(0, (), [1.0]), (1, (), [2.0]), (2, (), [3.0])]
    assert reading.workers == [Worker(number, alive=True, own=False) for number in range(3)]
    assert reading.families() == {"requests", "active"}
    assert reading.damaged == 0


def test_the_own_slot_is_known(make: Make) -> None:
    make().cells("a", (), 1)
    slot = make()
    assert [slot.number] == [None]
    slot.cells("a", (), 1)
    assert slot.number == 1
    assert [worker.own for worker in slot.read().workers] == [False, True]


def test_counters_of_a_dead_process_stay_and_go_on(make: Make) -> None:
    first, second = make(), make()
    first.cells("requests", ("a",), 1)[0] = 5
    first.cells("active", (), 1, live=True)[0] = 3
    second.cells("requests", ("a",), 1)[0] = 1
    first.close()
    reading = second.read()
    assert reading.workers[0] == Worker(0, alive=False, own=False)
    assert reading.total("requests") == [(("a",), [6.0])]
    assert not reading.total("active")
    assert not reading.each("active")
    heir = make()
    heir.cells("other", (), 1)
    assert heir.number == 0
    assert heir.count("requests") == heir.count("active") == 1
    assert heir.cells("requests", ("a",), 1)[0] == 5
    assert heir.cells("active", (), 1, live=True)[0] == 0
    assert heir.read().each("active") == [(0, (), [0.0])]


def test_nothing_is_made_before_it_is_needed(make: Make, directory: Path) -> None:
    slot = make()
    assert slot.number is None
    assert slot.count("a") == 0
    assert slot.read().workers == []
    slot.check()
    assert not directory.exists()
    slot.cells("a", (), 1)
    assert sorted(path.name for path in directory.iterdir()) == ["lock", "slot-0"]
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}


def test_a_file_grows_and_the_next_process_reads_all_of_it(make: Make, directory: Path) -> None:
    slot, keeper = make(), make()
    for number in range(3000):
        slot.cells("h", (str(number),), 33)[number % 33] = number
    keeper.cells("a", (), 1)
    size = (directory / "slot-0").stat().st_size
    assert size > 8 * FIRST
    assert size % FIRST == 0
    before = slot.read().total("h")
    assert [(labels, values[number % 33]) for number, (labels, values) in enumerate(before)] == [
        ((str(number),), float(number)) for number in range(3000)
    ]
    slot.close()
    heir = make()
    assert all(heir.cells("h", (str(number),), 33)[number % 33] == number for number in range(3000))
    heir.cells("h", ("more",), 33)[0] = 1
    assert heir.count("h") == 3001
    assert len(keeper.read().total("h")) == 3001
    assert (directory / "slot-0").stat().st_size == size


def test_what_was_read_before_is_not_changed_by_what_is_added(make: Make) -> None:
    slot = make()
    slot.cells("a", ("1",), 1)[0] = 1
    early = slot.read()
    slot.cells("a", ("2",), 1)[0] = 2
    slot.cells("b", (), 1)
    late = slot.read()
    assert early.total("a") == [(("1",), [1.0])]
    assert late.total("a") == [(("1",), [1.0]), (("2",), [2.0])]


def test_other_buckets_are_other_cells(make: Make) -> None:
    slot, other = make(), make()
    slot.cells("h", ("a",), 3)[2] = 1
    slot.cells("h", ("a",), 5)[4] = 2
    other.cells("h", ("a",), 5)[4] = 2
    reading = slot.read()
    assert reading.total("h") == [(("a",), [0.0, 0.0, 1.0]), (("a",), [0.0] * 4 + [4.0])]
    assert reading.total("h", 3) == [(("a",), [0.0, 0.0, 1.0])]
    assert reading.each("h", 3) == [(0, ("a",), [0.0, 0.0, 1.0])]


def test_any_number_comes_back(make: Make) -> None:
    cells = make().cells("a", (), 4)
    cells[:] = memoryview(bytearray(32)).cast("d")
    for at, value in enumerate((math.inf, -math.inf, math.nan, 5e-324)):
        cells[at] = value
    ((_, values),) = make().read().total("a")
    assert values[:2] + values[3:] == [math.inf, -math.inf, 5e-324]
    assert math.isnan(values[2])


def test_in_memory_there_is_one_worker(make: Make) -> None:
    slot = Slot(None)
    slot.cells("a", ("x",), 2)[1] += 3
    slot.cells("b", (), 1, live=True)[0] += 1
    reading = slot.read()
    assert reading.workers == [Worker(0, alive=True, own=True)]
    assert (reading.total("a"), reading.total("b")) == ([(("x",), [0.0, 3.0])], [((), [1.0])])
    assert (slot.number, slot.count("a"), slot.errors) == (None, 1, 0)
    slot.check()
    assert slot.epoch == 0
    assert Slot(None).read().families() == set()


@pytest.mark.parametrize("labels", [("x" * 5000,), ("a\0b",), ("é" * 2100,)])
def test_labels_that_no_file_takes_are_kept_in_memory(
    make: Make, labels: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    slot, other = make(), make()
    slot.cells("a", ("ok",), 1)[0] = 1
    slot.cells("a", labels, 1)[0] = 2
    assert slot.errors == 1
    shown = tuple(label.replace("\0", "\ufffd") for label in labels)
    assert slot.read().total("a") == [(("ok",), [1.0]), (shown, [2.0])]
    assert slot.read().workers == [Worker(0, alive=True, own=True)]
    assert other.read().total("a") == [(("ok",), [1.0])]
    slot.check()
    assert (slot.epoch, slot.errors, slot.count("a")) == (0, 1, 2)
    assert "metrics.directory" in caplog.text


def test_a_full_file_is_no_end(make: Make) -> None:
    slot = make()
    slot.cells("a", (), 1)
    for number in range(LARGEST // (8 * 4096)):
        slot.cells("big", (str(number),), 4096)[0] = 1
    assert slot.errors
    assert slot.read().total("a") == [((), [0.0])]
    assert sum(values[0] for _, values in slot.read().total("big")) == LARGEST // (8 * 4096)


@pytest.mark.parametrize("kind", ["file", "link", "foreign", "open", "missing"])
def test_a_directory_that_cannot_be_used_leaves_memory(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "there"
    if kind == "file":
        path.write_bytes(b"")
    elif kind == "link":
        path.symlink_to(tmp_path)
    elif kind == "missing":
        path = Path("/proc/midwatch/none")
    else:
        path.mkdir(mode=0o700)
        path.chmod(0o777 if kind == "open" else 0o700)
        if kind == "foreign":
            if os.geteuid():
                pytest.skip("only root may give a directory away")
            os.chown(path, 12345, 12345)
    slot = Slot(path)
    with caplog.at_level(logging.ERROR, "midwatch"):
        for _ in range(3):
            slot.cells("a", ("x",), 1)[0] += 1
            slot.cells("b", ("y",), 1)[0] += 1
        slot.check()
    assert slot.read().total("a") == [(("x",), [3.0])]
    assert slot.read().workers == [Worker(-1, alive=True, own=True)]
    assert slot.errors == 1
    assert len(caplog.records) == 1


def test_what_comes_after_the_end_is_not_kept(make: Make) -> None:
    slot = make()
    slot.cells("a", (), 1)[0] = 1
    slot.close()
    assert slot.epoch == 1
    slot.cells("a", (), 1)[0] = 7
    slot.check()
    assert make().read().total("a") == [((), [1.0])]
    slot.close()


def descriptors(directory: Path) -> list[str]:
    """Which files below *directory* this process has open; other threads open and close theirs."""
    found = []
    for one in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(one.readlink()))
    return [name for name in found if name.startswith(str(directory))]


def test_descriptors_are_closed(make: Make, directory: Path) -> None:
    slot = make()
    for number in range(2000):
        slot.cells("h", (str(number),), 33)
    for _ in range(20):
        slot.read().total("h")
    assert descriptors(directory)
    slot.close()
    assert not descriptors(directory)


@pytest.mark.parametrize("noticed", ["claim", "cells", "check"])
def test_a_log_handler_may_count_what_it_handles(tmp_path: Path, make: Make, noticed: str) -> None:
    """In whichever thread, for nothing is logged while a lock is held that counting takes."""
    said: list[str] = []
    store = Store(make())
    counter = store.counter("lines", "Lines of the log.", ("line",))

    class Counting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            thread = threading.Thread(target=counter.add, args=(1, str(len(said))))
            thread.start()
            thread.join(5)
            said.append("stuck" if thread.is_alive() else record.getMessage())

    handler = Counting()
    logging.getLogger("midwatch").addHandler(handler)
    try:
        if noticed == "check":
            counter.add(1, "first")
            (tmp_path / "slots/slot-0").unlink()
        else:
            (tmp_path / "slots").symlink_to(tmp_path)
        if noticed == "claim":
            store.slot.claim()
        if noticed == "cells":
            counter.add(1, "first")
        store.turn()
    finally:
        logging.getLogger("midwatch").removeHandler(handler)
    assert len(said) == 1
    assert "metrics.directory" in said[0]
