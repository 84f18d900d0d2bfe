"""Real processes with real stores: killed, forked, ended in the middle, out of disk, several at once."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any

import pytest

from midwatch.audit.row import Row
from midwatch.audit.stores import open_store
from midwatch.audit.writer import Writer
from midwatch.audit.writer.ballast import BALLAST

from ...small_disk import small_disk
from .shelf import HERE, LONG, SERVICE, Shelf, actions, bodies, body, check, killed, restore, sound, streams_in

PRELUDE = """
import os, sys, threading, time
from concurrent.futures import Future, wait
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from shelf import SERVICE, body
from midwatch.audit.stores import open_store
from midwatch.audit.writer import Writer, Lost

def make(**options):
    return Writer(open_store(sys.argv[1]), **{"service": SERVICE, "spill": Path(sys.argv[2]), **options})
"""

Run = Callable[..., str]


@pytest.fixture(params=["sqlite", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"{request.param}:///{'/' if request.param == 'sqlite' else ''}{str(tmp_path)[1:]}/audit"


@pytest.fixture
def run(url: str, folder: Path) -> Run:
    """Run a script that has a store and a directory; what it prints."""

    def to_its_end(script: str, before: str = "") -> str:
        command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", before + PRELUDE + script]
        done = subprocess.run(
            [*command, url, str(folder), str(HERE)], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    return to_its_end


@pytest.fixture
def found(url: str) -> Iterator[Callable[[], list[list[Row]]]]:
    """The streams in the store, each whole so far; the longest last."""

    def look() -> list[list[Row]]:
        return streams_in(url)

    yield look


Found = Callable[[], list[list[Row]]]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_what_was_acknowledged_survives_40_kills(url: str, folder: Path) -> None:
    acknowledged = killed(url, folder, 40)
    assert len(acknowledged) > 100
    check(url, folder, acknowledged)


def test_the_end_of_the_process_is_the_end_of_the_stream(run: Run, found: Found, folder: Path) -> None:
    run("""writer = make()
for number in range(100):
    writer.put(body(str(number)), None, "async")""")
    (rows,) = found()
    assert actions(rows) == ["stream.open", *map(str, range(100)), "stream.close"]
    assert not folder.exists() or [path.name for path in folder.iterdir()] == ["ballast"]


def test_an_end_without_last_words_loses_nothing_that_was_acknowledged(run: Run, found: Found) -> None:
    run("""writer = make()
for number in range(10):
    writer.put(body(str(number))).result(20)
os._exit(0)""")
    (rows,) = found()
    assert actions(rows) == ["stream.open", *map(str, range(10))]


def test_a_forked_child_has_a_stream_of_its_own(run: Run, found: Found) -> None:
    said = run("""writer = make()
writer.put(body("before")).result(20)
writer.put(body("the parent's"), None, "async")
pids = []
for _ in range(3):
    pid = os.fork()
    if not pid:
        writer.put(body("child")).result(20)
        assert writer.close(20)
        os._exit(0)
    pids.append(pid)
    writer.put(body("parent")).result(20)
assert [os.waitpid(pid, 0)[1] for pid in pids] == [0, 0, 0]
print(os.getpid(), *pids)""")
    streams = found()
    assert [actions(rows) for rows in streams[:3]] == [["stream.open", "child", "stream.close"]] * 3
    parent = actions(streams[3])
    assert (parent[:2], parent.count("the parent's"), parent.count("parent")) == (["stream.open", "before"], 1, 3)
    assert {said["pid"] for rows in streams for said in bodies(rows[:1])} == {int(pid) for pid in said.split()}


def test_children_may_be_forked_under_load(run: Run, found: Found) -> None:
    run("""writer = make(deadline=0.002)
def work():
    for _ in range(100):
        writer.put(body("parent")).result(20)
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for _ in range(5):
    pid = os.fork()
    if not pid:
        for _ in range(5):
            writer.put(body("child")).result(20)
        assert writer.close(20)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
for thread in threads:
    thread.join()
assert writer.close(20)""")
    streams = found()
    assert [actions(rows).count("child") for rows in streams] == [5] * 5 + [0]
    assert actions(streams[-1]).count("parent") == 400


def test_a_child_does_not_touch_what_its_parent_has_on_disk(run: Run, found: Found) -> None:
    run("""from midwatch.audit.stores.store import StoreError
class Down:
    name = "down"
    def open(self):
        raise StoreError("down")
writer = Writer(Down(), service=SERVICE, spill=Path(sys.argv[2]), deadline=0.01)
writer.put(body("parent")).result(20)
before = sorted(path.name for path in Path(sys.argv[2]).glob("*.spill"))
pid = os.fork()
if not pid:
    writer.put(body("child")).result(20)
    assert writer.close(20)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
assert sorted(path.name for path in Path(sys.argv[2]).glob("*.spill"))[:1] == before
writer.put(body("parent")).result(20)
assert writer.close(20)
os._exit(0)""")
    run("""down = make()
down._store.name = "down"
heir = Writer(down._store, service=SERVICE, spill=Path(sys.argv[2]))
heir.put(body("heir")).result(20)
while heir.state().stored < 10:
    time.sleep(0.01)  # Nobody tells that all of it was taken over.
assert not [*Path(sys.argv[2]).glob("*.spill")]""")
    streams = found()
    assert sorted(actions(rows) for rows in streams) == [
        ["stream.open", "child", "stream.close"],
        ["stream.open", "heir", "audit.recovered", "stream.close"],
        ["stream.open", "parent", "parent", "stream.close"],
    ]
    (recovered,) = [said for rows in streams for said in bodies(rows) if said["action"] == "audit.recovered"]
    assert (recovered["count"], recovered["damaged"], recovered["streams"]) == (7, 0, 2)


def test_several_processes_share_a_store(url: str, folder: Path, found: Found) -> None:
    script = """writer = make()
for number in range(100):
    writer.put(body(f"{os.getpid()}.{number}")).result(20)"""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PRELUDE + script, url, str(folder), str(HERE)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in running:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    streams = found()
    assert [len(rows) for rows in streams] == [102, 102, 102]
    assert {actions(rows)[-1] for rows in streams} == {"stream.close"}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_gevent_is_no_obstacle(run: Run, found: Found) -> None:
    pytest.importorskip("gevent")
    script = """import gevent
writer = make()
gevent.joinall([gevent.spawn(lambda: writer.put(body("green")).result(20)) for _ in range(50)], raise_error=True)
assert writer.close(20)"""
    run(script, before="from gevent import monkey; monkey.patch_all()")
    (rows,) = found()
    assert actions(rows).count("green") == 50


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_database_that_somebody_locks_delays_nobody(url: str, folder: Path, tmp_path: Path, found: Found) -> None:
    writer = Writer(open_store(url), service=SERVICE, spill=folder, deadline=0.05)
    try:
        ack = writer.put(body("before"))
        assert ack is not None
        ack.result(LONG)
        other = sqlite3.connect(tmp_path / "audit", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for number in range(20):
            ack = writer.put(body(str(number)))
            assert ack is not None
            ack.result(LONG)
        assert writer.state().spill_bytes
        other.execute("ROLLBACK")
        other.close()
    finally:
        assert writer.close(LONG)
    while [*folder.glob("*.spill")]:
        assert writer.close(LONG)
        ack = writer.put(body("again"))
        assert ack is not None
        ack.result(LONG)
    writer.close(LONG)
    names = [name for rows in found() for name in actions(rows)]
    assert [name for name in names if name.isdecimal()] == [*map(str, range(20))]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 MiB."""
    with small_disk(tmp_path / "small", "32m") as place:
        yield place


def test_on_a_full_disk_the_ballast_is_used_and_then_losses_are_recorded(small: Path, shelf: Shelf) -> None:
    from midwatch.audit.stores.store import StoreError

    writer = Writer(shelf, service=SERVICE, spill=small / "spill", deadline=0.02, max_items=200)
    try:
        first = writer.put(body("first"))
        assert first is not None
        first.result(LONG)
        shelf.wait(lambda: shelf.known)
        until = time.monotonic() + LONG
        while not (small / "spill" / "ballast").exists():
            assert time.monotonic() < until
            time.sleep(0.005)  # It is made by another thread.
        with (small / "filler").open("wb") as file, pytest.raises(OSError, match="space"):
            while True:
                file.write(bytes(1 << 20))
                file.flush()
        shelf.fail(StoreError("shelf: down"))
        acks: list[Future[None]] = []
        until = time.monotonic() + LONG
        while not writer.state().dropped:
            assert time.monotonic() < until
            for _ in range(20):
                ack = writer.put(body(str(len(acks)), reason="x" * 100_000))
                assert ack is not None
                acks.append(ack)
            wait(acks[-1:], 0.1)
        assert not (small / "spill" / "ballast").exists()
        assert writer.state().spill_errors
        assert sum(ack.done() and ack.exception() is None for ack in acks) * 100_000 > BALLAST * 0.8
        (small / "filler").unlink()
        restore(writer, shelf)
        assert not wait(acks, LONG).not_done
    finally:
        assert writer.close(LONG)
    names = [name for name in actions(shelf.rows.values()) if name.isdecimal()]
    assert {str(number) for number, ack in enumerate(acks) if ack.exception() is None} <= set(names)
    lost = sum(said["count"] for said in shelf.bodies() if said["action"] == "audit.gap")
    assert lost == len(acks) - len(names) == writer.state().dropped["durable"]
    sound(shelf.rows.values())


def test_a_signal_handler_may_record(shelf: Shelf) -> None:
    writer = Writer(shelf, service=SERVICE)
    made = 0

    def handler(*_args: Any) -> None:
        nonlocal made
        made += 1
        writer.put(body("signal"), None, "async")

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        for _ in range(3000):
            writer.put(body("main"), None, "async")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert writer.close(LONG)
    found = actions(shelf.rows.values())
    assert (found.count("main"), found.count("signal")) == (3000, made)
    assert made
    sound(shelf.rows.values())


def test_a_torn_end_is_counted(url: str, folder: Path, run: Run, found: Found) -> None:
    run("""class Down:
    name = "down"
    def open(self):
        raise OSError("down")
writer = Writer(Down(), service=SERVICE, spill=Path(sys.argv[2]), deadline=0.01)
for number in range(10):
    writer.put(body(str(number))).result(20)
os._exit(0)""")
    (path,) = folder.glob("*.spill")
    os.truncate(path, path.stat().st_size - 10)
    store: Any = open_store(url)
    store.name = "down"
    writer = Writer(store, service=SERVICE, spill=folder)
    try:
        ack = writer.put(body("heir"))
        assert ack is not None
        ack.result(LONG)
        until = time.monotonic() + LONG
        while writer.state().stored < 13:
            assert time.monotonic() < until
            time.sleep(0.005)  # Nobody tells that all of it was taken over.
    finally:
        assert writer.close(LONG)
    streams = found()
    dead = next(rows for rows in streams if "0" in actions(rows))
    assert actions(dead) == ["stream.open", *map(str, range(9))]
    said = [said for rows in streams for said in bodies(rows) if said["action"] == "audit.recovered"]
    assert [(one["count"], one["damaged"], one["outcome"]) for one in said] == [(10, 1, "failure")]
    store.open()
    (abandoned,) = [row for row in store.streams() if row.stream == dead[0].stream]
    store.close()
    assert (abandoned.closed, abandoned.final_seq, abandoned.final_chain) == (None, 9, dead[-1].chain)
    assert (abandoned.host, abandoned.service) == ("host", "orders")
