"""Several processes: killed, forked, stopped, started again, out of room."""

from __future__ import annotations

import mmap
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.metrics.slots import Cells, Slot, Worker
from midwatch.metrics.slots.folder import open_slot
from midwatch.metrics.slots.locks import take

from ...small_disk import small_disk
from .conftest import Make, Run, command
from .worker import LABELS, WORKERS

KILLS = 200


def test_200_kills_lose_no_step_and_make_no_file(directory: Path, tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_bytes(bytes(8 * 2 * LABELS * WORKERS))
    script = Path(__file__).with_name("worker.py")
    ignored = ["-W", "ignore::DeprecationWarning"]
    with (
        path.open("r+b") as file,
        subprocess.Popen(
            [sys.executable, *ignored, script, directory, path, str(KILLS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as master,
    ):
        ledger = memoryview(mmap.mmap(file.fileno(), 0)).cast("d")
        assert master.stdout
        os.set_blocking(master.stdout.fileno(), False)
        slot = Slot(directory)
        before: dict[str, float] = {}
        readings, ended = 0, False
        while not ended:
            ended = bool(master.stdout.read())
            counted = totals(ledger, 1)
            reading = slot.read()
            begun = totals(ledger, 0)
            found = {label: sum(values) for (label,), values in reading.total("steps", 33)}
            assert reading.damaged == 0
            assert [worker.number for worker in reading.workers] == [*range(len(reading.workers))]
            assert len(reading.workers) <= WORKERS
            assert len(reading.total("active")) <= 1
            for label in map(str, range(LABELS)):
                step = found.get(label, 0.0)
                assert before.get(label, 0.0) <= step
                assert counted[label] <= step <= begun[label]
            before = found
            readings += 1
            assert master.poll() is None
        assert slot.read().total("active") == []
        assert not any(worker.alive for worker in slot.read().workers)
        assert sum(totals(ledger, 0).values()) - sum(totals(ledger, 1).values()) <= KILLS + WORKERS
        assert sum(before.values()) > KILLS
        assert readings > 20
        master.communicate(timeout=20)
    assert sorted(path.name for path in directory.iterdir() if path.name.startswith("slot-")) == [
        f"slot-{number}" for number in range(WORKERS)
    ]


def totals(ledger: Cells, which: int) -> dict[str, float]:
    """What all workers have told of each label: begun (0), or counted (1)."""
    told = list(ledger)
    return {
        str(label): sum(told[2 * LABELS * worker + 2 * label + which] for worker in range(WORKERS))
        for label in range(LABELS)
    }


def test_a_child_has_a_slot_of_its_own_and_makes_none_for_nothing(run: Run) -> None:
    run("""slot = Slot(directory)
cells = slot.cells("a", (), 1)
cells[0] = 1
idle = os.fork()
if not idle:
    assert (slot.number, slot.epoch, slot.count("a")) == (None, 1, 0)
    assert slot.read().total("a") == [((), [1.0])]
    slot.check()
    os._exit(0)
wait(idle)
assert sorted(os.listdir(directory)) == ["lock", "slot-0"]
busy = os.fork()
if not busy:
    slot.cells("a", (), 1)[0] += 10
    assert slot.number == 1
    assert slot.cells("a", (), 1)[0] == 10
    os._exit(0)
wait(busy)
cells[0] += 1
assert slot.epoch == 0
assert slot.read().total("a") == [((), [12.0])]
assert [(worker.number, worker.alive) for worker in slot.read().workers] == [(0, True), (1, False)]""")


def test_children_forked_while_the_parent_counts(run: Run) -> None:
    run("""slot = Slot(directory)
stop = threading.Event()
def count():
    number = 0
    while not stop.is_set():
        slot.cells("a", (str(number % 3000),), 5)[0] += 1
        number += 1
        slot.cells("done", (), 1)[0] = number
threads = [threading.Thread(target=count)]
threads[0].start()
for _ in range(40):
    pid = os.fork()
    if not pid:
        slot.cells("child", (), 1)[0] += 1
        assert slot.number == 1
        os._exit(0)
    wait(pid)
stop.set()
threads[0].join()
assert slot.number == 0
reading = slot.read()
assert reading.total("child") == [((), [40.0])]
assert sum(values[0] for _, values in reading.total("a")) == reading.total("done")[0][1][0]
assert sorted(os.listdir(directory)) == ["lock", "slot-0", "slot-1"]""")


def test_the_slot_of_a_dead_parent_is_free_while_its_child_lives(run: Run) -> None:
    run("""ready, gone = os.pipe(), os.pipe()
parent = os.fork()
if not parent:
    slot = Slot(directory)
    slot.cells("a", (), 1)[0] = 5
    if not os.fork():
        os.close(gone[1])
        os.write(ready[1], b"r")
        os.read(gone[0], 1)  # Until the test has ended.
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)
os.read(ready[0], 1)
assert os.waitpid(parent, 0)[1] == signal.SIGKILL
slot = Slot(directory)
assert not slot.read().workers[0].alive
slot.cells("a", (), 1)[0] += 1
assert slot.number == 0
assert slot.read().total("a") == [((), [6.0])], slot.read().total("a")""")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing_share(run: Run, directory: Path, tmp_path: Path, method: str) -> None:
    module = tmp_path / "counting_module.py"
    module.write_text("""import os
from midwatch.metrics.slots import Slot, default_directory, workers_hint
def count(directory, name):
    slot = Slot(directory)
    slot.cells("a", (), 1)[0] += 1
    assert workers_hint()
    os.write(1, f"{default_directory(name)} ".encode())  # In one piece.
""")
    said = run(f"""import multiprocessing
sys.path.insert(0, {str(tmp_path)!r})
from counting_module import count
from midwatch.metrics.slots.group import own_group
if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    keeper = Slot(directory)
    keeper.cells("a", (), 1)
    children = [context.Process(target=count, args=(directory, "test-{method}")) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(30)
        assert child.exitcode == 0
    assert keeper.read().total("a") == [((), [3.0])]
""")
    assert len(set(said.split())) == 1
    Path(said.split()[0]).rmdir()


def test_a_service_that_was_stopped_as_a_whole_starts_at_zero(run: Run, directory: Path, make: Make) -> None:
    count = 'slot = Slot(directory)\nslot.cells("a", (), 1)[0] += 1\nprint(slot.read().total("a"), slot.errors)'
    assert run(count) == run(count) == "[((), [1.0])] 0\n"
    keeper = make()
    keeper.cells("a", (), 1)[0] = 10
    assert keeper.read().total("a") == [((), [10.0])]
    assert run(count) == "[((), [11.0])] 0\n"
    assert run(count) == "[((), [12.0])] 0\n"


def test_workers_of_a_master_that_lives_go_on_though_all_have_died(run: Run) -> None:
    run("""for number in range(3):
    pid = os.fork()
    if not pid:
        slot = Slot(directory)
        slot.cells("a", (), 1)[0] += 1
        assert slot.read().total("a") == [((), [number + 1.0])], slot.read().total("a")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
assert Slot(directory).read().total("a") == [((), [3.0])]""")


def test_figures_of_another_boot_are_none(make: Make, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slot = make()
    slot.cells("a", (), 1)[0] = 1
    slot.close()
    monkeypatch.setattr("midwatch.metrics.slots.claim.boot", lambda: b"another boot....")
    heir = make()
    assert heir.cells("a", (), 1)[0] == 0


def test_one_who_is_stopped_while_claiming_does_not_stop_others(make: Make, directory: Path, run: Run) -> None:
    make().cells("a", (), 1)
    script = """fd = os.open(directory / "lock", os.O_RDWR)
from midwatch.metrics.slots.locks import take
assert take(fd)
os.kill(os.getpid(), signal.SIGSTOP)"""
    with subprocess.Popen(command(script, directory)) as stopped:
        try:
            os.waitid(os.P_PID, stopped.pid, os.WSTOPPED)
            others = [make() for _ in range(3)]
            for other in others:
                other.cells("a", (), 1)[0] += 1
            assert [other.number for other in others] == [1, 2, 3]
            assert others[0].read().total("a") == [((), [3.0])]
        finally:
            stopped.kill()


def test_a_worker_that_is_stopped_keeps_its_slot(make: Make, directory: Path) -> None:
    make().cells("a", (), 1)
    script = """slot = Slot(directory)
slot.cells("a", (), 1)[0] = 5
os.kill(os.getpid(), signal.SIGSTOP)
slot.cells("a", (), 1)[0] += 1
print("went on", flush=True)
sys.stdin.read()"""
    with subprocess.Popen(
        command(script, directory), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as stopped:
        try:
            assert stopped.stdout
            os.waitid(os.P_PID, stopped.pid, os.WSTOPPED)
            other = make()
            other.cells("a", (), 1)
            assert other.number == 2
            assert other.read().workers[1] == Worker(1, alive=True, own=False)
            stopped.send_signal(signal.SIGCONT)
            assert stopped.stdout.readline() == "went on\n"
            assert other.read().total("a") == [((), [6.0])]
        finally:
            stopped.kill()


def test_a_reader_disturbs_nobody_who_claims(make: Make, directory: Path) -> None:
    slot = make()
    slot.cells("a", (), 1)
    slot.close()
    fd = open_slot(directory, 0)
    assert fd is not None
    try:
        reading = make().read()
        assert not reading.workers[0].alive
        heir = make()
        heir.cells("a", (), 1)
        assert heir.number == 0
    finally:
        os.close(fd)
    again = open_slot(directory, 0, os.O_RDWR)
    assert again is not None
    try:
        assert not take(again)
    finally:
        os.close(again)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    with small_disk(tmp_path / "small", "256k") as place:
        yield place


def test_a_full_disk_ends_no_process_and_room_is_used_when_there_is_some(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("midwatch.metrics.slots.slot.monotonic", lambda: now)
    (small / "filler").write_bytes(bytes(100 << 10))
    slot, other = Slot(small / "slots"), Slot(small / "slots")
    views = [slot.cells("h", (str(number),), 33) for number in range(1000)]
    for view in views:
        view[0] += 1
    assert slot.errors == 1
    assert sum(values[0] for _, values in slot.read().total("h")) == 1000
    assert 100 < len(other.read().total("h")) < 500
    slot.check()
    assert slot.epoch == 0
    (small / "filler").unlink()
    now += 60
    slot.check()
    assert slot.epoch == 1
    assert len(other.read().total("h")) > 400
    for view in views:
        view[0] += 1
    for number in range(1000):
        slot.cells("h", (str(number),), 33)[0] += 1
    slot.check()
    assert {values[0] for _, values in slot.read().total("h")} == {3.0}
    assert slot.count("h") == 1000
    slot.close()


def test_no_room_for_a_first_file(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("midwatch.metrics.slots.slot.monotonic", lambda: now)
    (small / "filler").write_bytes(bytes(250 << 10))
    slot = Slot(small / "slots")
    cells = slot.cells("a", (), 1)
    cells[0] += 1
    assert (slot.number, slot.errors, slot.read().total("a")) == (None, 1, [((), [1.0])])
    assert [path.name for path in (small / "slots").iterdir()] == ["lock"]
    (small / "filler").unlink()
    now += 60
    slot.check()
    assert (slot.number, slot.epoch) == (0, 1)
    cells[0] += 1
    slot.check()
    assert Slot(small / "slots").read().total("a") == [((), [2.0])]
    slot.close()


def test_a_disk_that_may_only_be_read(small: Path) -> None:
    slot = Slot(small / "slots")
    slot.cells("a", (), 1)[0] = 1
    slot.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    reader = Slot(small / "slots")
    reader.cells("b", (), 1)[0] = 2
    assert reader.number is None
    reading = reader.read()
    assert (reading.total("a"), reading.total("b"), reading.damaged) == ([((), [1.0])], [((), [2.0])], 0)
    assert reading.workers == [Worker(0, alive=False, own=False), Worker(-1, alive=True, own=True)]


def test_who_has_no_descriptors_left_does_not_say_that_the_others_counted_nothing(run: Run) -> None:
    """Counters that are gone for one page have begun again on the next; no page is better than that."""
    assert (
        run("""
import resource
slots = [Slot(directory), Slot(directory)]
for slot in slots:
    slot.cells("a", (), 1)[0] = 1
limits = resource.getrlimit(resource.RLIMIT_NOFILE)
free = os.dup(0)
os.close(free)
resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
try:
    print(slots[0].read().total("a"))
except OSError as error:
    print(error.strerror)
resource.setrlimit(resource.RLIMIT_NOFILE, limits)
print(slots[0].read().total("a"))""")
        == "Too many open files\n[((), [2.0])]\n"
    )


FORKS = """
import os, sys, threading
from pathlib import Path

begun, go_on = threading.Event(), threading.Event()

def wait():
    if threading.current_thread().name == "first":
        begun.set()
        assert go_on.wait(20)

os.register_at_fork(before=wait)  # The first one registered is the last one called.

from midwatch.metrics.slots import Slot

slot = Slot(Path(sys.argv[1]))
slot.cells("a", (), 1)[0] += 1

def fork():
    pid = os.fork()
    if not pid:
        slot.cells("a", (), 1)[0] += 1
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0

first, second = threading.Thread(target=fork, name="first"), threading.Thread(target=fork)
first.start()
assert begun.wait(20)
second.start()
second.join(1.5)  # It waits for a second for what the first has taken; then for locks of others.
go_on.set()
first.join(20)
second.join(20)
third = threading.Thread(target=slot.cells, args=("b", (), 1), daemon=True)
third.start()
third.join(5)
print(third.is_alive(), slot.read().total("a"))
"""


def test_threads_that_fork_at_once_leave_no_lock_behind(directory: Path) -> None:
    """Each gives back what it has taken, and nothing else."""
    told = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKS, str(directory)]
    done = subprocess.run(told, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("False [((), [3.0])]\n", "")
