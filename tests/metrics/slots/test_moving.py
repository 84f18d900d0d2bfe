"""Files that are deleted, cut or replaced while a process counts in them."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from midwatch.metrics.slots import Slot

if TYPE_CHECKING:
    from .conftest import Make, Run


def test_a_deleted_file_is_made_anew_with_all_that_was_in_it(make: Make, directory: Path) -> None:
    dead = make()
    dead.cells("a", ("before",), 1)[0] = 7
    keeper, slot, reader = make(), make(), make()
    keeper.cells("b", (), 1)
    dead.close()
    cells, live = slot.cells("a", ("x",), 2), slot.cells("active", (), 1, live=True)
    assert slot.number == 0
    cells[1], live[0] = 3, 2
    slot.check()
    assert slot.epoch == 0
    (directory / "slot-0").unlink()
    cells[1] += 1
    slot.check()
    assert (slot.epoch, slot.errors, slot.number) == (1, 1, 0)
    assert reader.read().total("a") == [(("before",), [7.0]), (("x",), [0.0, 4.0])]
    assert reader.read().total("active") == [((), [2.0])]
    assert slot.count("a") == 2
    # Whoever has not asked again yet loses nothing.
    cells[1] += 1
    live[0] -= 1
    slot.cells("a", ("x",), 2)[1] += 1
    slot.cells("active", (), 1, live=True)[0] += 1
    slot.check()
    assert (slot.epoch, slot.errors) == (1, 1)
    assert reader.read().total("a") == [(("before",), [7.0]), (("x",), [0.0, 6.0])]
    assert reader.read().total("active") == [((), [2.0])]


def test_what_is_no_number_is_moved_and_spoils_none(make: Make, directory: Path) -> None:
    slot = make()
    cells = slot.cells("gauge", (), 5, live=True)
    for at, value in enumerate((math.nan, math.inf, 1.0, math.nan, -math.inf)):
        cells[at] = value
    (directory / "slot-0").unlink()
    slot.check()
    cells[2] = math.inf
    new = slot.cells("gauge", (), 5, live=True)
    new[0] = new[4] = 2.0
    slot.check()
    assert [new[0], new[1], new[2], new[4]] == [2.0, math.inf, math.inf, 2.0]
    assert math.isnan(new[3])


def test_a_deleted_directory_is_made_anew(make: Make, directory: Path) -> None:
    slot, other = make(), make()
    slot.cells("a", (), 1)[0] = 1
    other.cells("a", (), 1)[0] = 2
    shutil.rmtree(directory)
    assert slot.read().families() == set()
    other.check()
    slot.check()
    assert (other.number, slot.number) == (0, 1)
    assert slot.read().total("a") == [((), [3.0])]
    assert slot.read().damaged == 0


def test_where_none_can_be_made_the_figures_stay(make: Make, directory: Path) -> None:
    slot = make()
    cells = slot.cells("a", (), 1)
    cells[0] = 1
    shutil.rmtree(directory)
    directory.write_bytes(b"")
    slot.check()
    assert (slot.number, slot.epoch, slot.errors) == (None, 0, 2)
    cells[0] += 1
    assert slot.cells("a", (), 1)[0] == 2
    assert slot.read().total("a") == [((), [2.0])]
    assert slot.count("a") == 1


def test_a_file_that_is_replaced_is_left_to_whom_it_belongs(make: Make, directory: Path) -> None:
    slot = make()
    slot.cells("a", (), 1)[0] = 1
    copy = (directory / "slot-0").read_bytes()
    (directory / "slot-0").unlink()
    (directory / "slot-0").write_bytes(copy)
    slot.check()
    # It is a slot that nobody has, as good as any: both are counted.
    assert slot.number == 0
    assert slot.read().total("a") == [((), [2.0])]


def test_a_file_that_is_cut_does_not_end_the_process(run: Run) -> None:
    assert (
        run("""slot = Slot(directory)
for number in range(3000):
    slot.cells("a", (str(number),), 33)[0] = 1
os.truncate(directory / "slot-0", 300000)
slot.check()
reading = slot.read()
assert (slot.epoch, slot.errors, slot.count("a"), reading.damaged) == (2, 2, 3000, 0)
kept = sum(values[0] for _, values in reading.total("a"))
assert 500 < kept < 1500
for number in range(3000):
    slot.cells("a", (str(number),), 33)[0] += 1
slot.check()
assert sum(values[0] for _, values in slot.read().total("a")) == kept + 3000
print("lives")""")
        == "lives\n"
    )


def test_moving_while_others_count_loses_nothing(run: Run) -> None:
    run("""slot = Slot(directory)
stop, done = threading.Event(), 0
lock = threading.Lock()
view, epoch = slot.cells("a", (), 1), 0
def count():
    global done, view, epoch
    while not stop.is_set():
        with lock:
            if epoch != slot.epoch:
                view, epoch = slot.cells("a", (), 1), slot.epoch
            view[0] += 1
            done += 1
            slot.cells("b", (str(done % 500),), 1)[0] += 1
threads = [threading.Thread(target=count) for _ in range(2)]
for thread in threads:
    thread.start()
for _ in range(30):
    (directory / "slot-0").unlink()
    slot.check()
    time.sleep(0.002)  # Let them count.
stop.set()
for thread in threads:
    thread.join()
slot.check()
reading = slot.read()
assert slot.epoch == 30
assert reading.total("a") == [((), [done])], (reading.total("a"), done)
assert sum(values[0] for _, values in reading.total("b")) == done""")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_workers_of_a_master_that_gave_up_its_rights(run: Run, tmp_path: Path) -> None:
    for path in (*tmp_path.parents, tmp_path):
        if str(path).startswith("/tmp/"):
            path.chmod(path.stat().st_mode | 0o011)
    tmp_path.chmod(0o777)
    run("""directory = directory.parent / f"midwatch-{os.geteuid()}" / "service"
slot = Slot(directory)
slot.cells("a", (), 1)[0] = 1
for number in range(2):
    pid = os.fork()
    if not pid:
        os.setuid(54321)
        slot.cells("a", (), 1)[0] += 1
        assert slot.number == 0
        assert slot.read().total("a") == [((), [number + 1])], slot.read().total("a")
        os._exit(0)
    wait(pid)
assert (directory.parent.parent / "midwatch-54321/service/slot-0").exists()""")
    assert Slot(None).errors == 0
