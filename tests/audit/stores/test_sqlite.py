"""A real SQLite file, and what happens to it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from midwatch.audit.stores import Filter, StoreError, connections, open_store
from midwatch.audit.stores.schema import VERSION
from midwatch.audit.stores.sqlite import SQLiteStore

from .rows import checkpoint, events, everything, name, stream_row

HERE = Path(__file__).parent

KILLED = """
import sys
sys.path.insert(0, {folder!r})
from rows import events
from midwatch.audit.stores import open_store
store = open_store({url!r})
store.open()
rows = events({stream}, 10_000)
for start in range(0, 10_000, 5):
    store.append(rows[start : start + 5])
    sys.stdout.write(f"{{start + 5}}\\n")
    sys.stdout.flush()
"""

FULL = """
import resource, sys
sys.path.insert(0, {folder!r})
from rows import events, everything, name
from midwatch.audit.stores import StoreError, open_store
store = open_store({url!r})
store.open()
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
rows = events(1, 2000)
kept = 0
for start in range(0, 2000, 50):
    try:
        store.append(rows[start : start + 50])
    except StoreError as error:
        print(error)
        break
    kept = start + 50
assert 0 < kept < 2000, kept
assert everything(store, name(1), 500) == rows[:kept]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.append(rows[kept:])
assert everything(store, name(1), 500) == rows
store.close()
"""

READER = """
import os, sys
sys.path.insert(0, {folder!r})
from rows import events, everything, name
from midwatch.audit.stores import StoreError, open_store
import midwatch.audit.stores.sqlite
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
reader = open_store({url!r}, read_only=True)
reader.open()
assert everything(reader, name(1)) == events(1, 3)
reader.close()
writer = open_store({url!r})
try:
    writer.open()
except StoreError as error:
    assert "Permission denied" in str(error), error
else:
    sys.exit("it could write")
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    one = SQLiteStore(path)
    one.open()
    yield one
    one.close()


@pytest.fixture
def stranger(path: Path, store: SQLiteStore) -> Iterator[sqlite3.Connection]:
    """Somebody with a connection of their own."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=0, check_same_thread=False)
    yield connection
    connection.close()


def test_files_are_for_their_owner_only(path: Path, store: SQLiteStore) -> None:
    old = os.umask(0)
    try:
        store.append(events(1, 1))
        assert store.leading()
    finally:
        os.umask(old)
    found = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
    assert {"audit.db", "audit.db-shm", "audit.db-wal", "audit.db.leader", "audit.db.lock"} <= found.keys()
    assert set(found.values()) == {0o600}


@pytest.mark.parametrize("which", ["audit.db", "audit.db.lock"])
def test_a_link_leads_nowhere(path: Path, which: str) -> None:
    (path.parent / "elsewhere").touch()
    (path.parent / which).symlink_to(path.parent / "elsewhere")
    with pytest.raises(StoreError, match="not a regular file"):
        SQLiteStore(path).open()
    assert (path.parent / "elsewhere").stat().st_size == 0


def test_a_place_where_everybody_may_write_is_refused(path: Path) -> None:
    path.touch(0o600)
    path.chmod(0o666)
    with pytest.raises(StoreError, match="everybody may write"):
        SQLiteStore(path).open()
    path.chmod(0o600)
    path.parent.chmod(0o1777)
    with pytest.raises(StoreError, match="a folder of its own"):
        SQLiteStore(path).open()
    with pytest.raises(StoreError, match="No such file"):
        SQLiteStore(path.parent / "none" / "audit.db").open()


def test_a_commit_is_on_disk_when_it_returns(store: SQLiteStore) -> None:
    assert store._writer is not None
    driver = connections.driver(store._writer)
    found = {name: driver.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "wal_autocheckpoint")}
    assert found == {"synchronous": 2, "wal_autocheckpoint": 0}
    assert driver.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_event SET actor = 'somebody'",
        "UPDATE audit_event SET detail = NULL",
        "DELETE FROM audit_event",
        "UPDATE audit_checkpoint SET time = 0",
        "DELETE FROM audit_checkpoint",
        "DELETE FROM audit_prune",
        "UPDATE audit_erasure SET time = 0",
    ],
)
def test_what_is_written_stays(store: SQLiteStore, stranger: sqlite3.Connection, change: str) -> None:
    """Before and after upkeep, which lifts that for itself only."""
    rows = events(1, 4, b"{}")
    store.append(rows)
    store.add_checkpoint(checkpoint(1))
    store.prune(name(1), 0, rows[0].chain)
    store.erase([json.loads(rows[2].body)["id"]])
    with pytest.raises(sqlite3.IntegrityError, match="is append-only"):
        stranger.execute(change)


def test_a_lock_of_a_stranger_is_waited_for_but_not_for_long(store: SQLiteStore, stranger: sqlite3.Connection) -> None:
    """The writer gets the event back in time to put it elsewhere; nothing is lost, nothing half there."""
    stranger.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="database is locked"):
        store.append(events(1, 3))
    over = threading.Timer(0.05, stranger.rollback)
    over.start()
    store.append(events(1, 3))
    over.join()
    assert everything(store, name(1)) == events(1, 3)


def test_a_writer_that_waits_gets_its_turn(path: Path, store: SQLiteStore) -> None:
    with (path.parent / "audit.db.lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match=r"held by another process for 0\.2 s"):
            store.append(events(1, 1))
        over = threading.Timer(0.05, fcntl.flock, (other, fcntl.LOCK_UN))
        over.start()
        store.append(events(1, 1))
        over.join()
    assert everything(store, name(1)) == events(1, 1)


def test_a_lock_that_was_deleted_holds_nobody_apart_for_long(path: Path, store: SQLiteStore) -> None:
    """Each finds that its file is not the one of that name any more."""
    assert store.leading()
    for end in ("lock", "leader"):
        (path.parent / f"audit.db.{end}").unlink()
    other = SQLiteStore(path)
    other.append(events(1, 1))
    assert other.leading()
    assert not store.leading()
    store.append(events(2, 1))
    assert os.path.samestat(os.fstat(store._lock._fd), (path.parent / "audit.db.lock").stat())
    other.close()


def test_a_file_system_without_locks_is_told_of_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If this SQLite has the bug against which the lock helps."""

    def refuse(_fd: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(connections, "_warned", threading.Event())
    monkeypatch.setattr(connections, "FIXED", (99, 0, 0))
    for number in range(2):
        store = SQLiteStore(path)
        store.append(events(number, 1))
        store.close()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "no locks" in caplog.text


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_file_that_is_gone_is_told_of_and_made_anew(
    path: Path, store: SQLiteStore, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The first write fails, so that the writer says again what it is; nothing is written into the void."""
    store.append(events(1, 3))
    other = SQLiteStore(path)
    assert everything(other, name(1)) == events(1, 3)
    if how == "deleted":
        path.unlink()
    else:
        kept = SQLiteStore(path.with_name("other.db"))
        kept.append(events(7, 3))
        kept.close()
        path.rename(path.with_name("moved.db"))
        path.with_name("other.db").rename(path)
    for one in (store, other):
        with pytest.raises(StoreError, match="was deleted or replaced"):
            one.append(events(2, 3))
        one.append(events(3, 3))
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert everything(store, name(3)) == events(3, 3)
    assert everything(store, name(1)) == []
    assert len(everything(store, name(7))) == (3 if how == "replaced" else 0)
    other.close()
    store.close()
    reader = SQLiteStore(path, read_only=True)
    assert everything(reader, name(3)) == events(3, 3)
    reader.close()
    if how == "replaced":
        moved = SQLiteStore(path.with_name("moved.db"), read_only=True)
        assert everything(moved, name(1)) == events(1, 3)
        moved.close()


def test_a_log_that_is_gone_is_told_of_and_what_was_in_it_is_kept(path: Path, store: SQLiteStore) -> None:
    store.append(events(1, 3))
    path.with_name("audit.db-wal").unlink()
    with pytest.raises(StoreError, match="the log beside it was deleted"):
        store.append(events(2, 3))
    store.append(events(2, 3))
    store.close()
    reader = SQLiteStore(path, read_only=True)
    assert everything(reader, name(1)) == events(1, 3)
    assert everything(reader, name(2)) == events(2, 3)
    reader.close()


def test_a_file_that_is_none_of_sqlite_is_an_error_not_overwritten(path: Path) -> None:
    path.write_bytes(b"something else" * 1000)
    with pytest.raises(StoreError, match="not a database"):
        SQLiteStore(path).open()
    assert path.read_bytes() == b"something else" * 1000


def test_a_medium_that_cannot_be_written_to_can_be_read() -> None:
    """By somebody who may not write there, which root always may."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audit.db"
        store = SQLiteStore(path)
        store.append(events(1, 3))
        store.close()
        path.chmod(0o444)
        path.parent.chmod(0o555)
        script = READER.format(folder=str(HERE), url=f"sqlite:///{path}")
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
        path.parent.chmod(0o700)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("scheme", ["sqlite:///", "file://"])
def test_a_full_disk_is_an_error_that_passes(tmp_path: Path, scheme: str) -> None:
    """All or nothing; it goes on once there is room."""
    script = FULL.format(folder=str(HERE), url=f"{scheme}{tmp_path}/audit")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "/audit: " in done.stdout


@pytest.mark.parametrize("scheme", ["sqlite:///", "file://"])
def test_killed_at_any_moment_what_was_acknowledged_is_there(tmp_path: Path, scheme: str) -> None:
    """And the rest is there in whole groups, or not at all; the next process writes on."""
    url = f"{scheme}{tmp_path}/audit"
    store = open_store(url)
    store.open()
    for stream, acks in ((1, 1), (2, 37), (3, 150)):
        script = KILLED.format(folder=str(HERE), url=url, stream=stream)
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(acks)]
        process.send_signal(signal.SIGKILL)
        acknowledged = int([*seen, *process.stdout.read().splitlines()][-1])
        process.wait()
        process.stdout.close()
        kept = everything(store, name(stream), 1000)
        assert kept == events(stream, len(kept))
        assert len(kept) % 5 == 0
        assert acknowledged <= len(kept) <= acknowledged + 5
        store.append(events(10 + stream, 2))
    store.close()


def test_the_log_stays_small_unless_somebody_reads_of_the_past(
    path: Path, store: SQLiteStore, stranger: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append(events(9, 1))
    log = path.with_name("audit.db-wal")
    monkeypatch.setattr(connections, "LARGE", 200_000)
    store._log.due = 200_000
    sizes = []
    rows = events(1, 3000)
    for start in range(0, 3000, 100):
        store.append(rows[start : start + 100])
        sizes.append(log.stat().st_size)
    assert max(sizes) < 800_000
    stranger.execute("BEGIN")
    stranger.execute("SELECT count(*) FROM audit_event").fetchone()
    store.append(events(2, 3000))
    assert log.stat().st_size > 1_000_000
    stranger.rollback()
    assert len(everything(store, name(2), 5000)) == 3000


def test_a_later_version_is_refused_and_left_alone(path: Path, store: SQLiteStore, stranger: Any) -> None:
    stranger.execute("UPDATE audit_meta SET version = 99")
    with pytest.raises(StoreError, match=f"have version 99, and this Midwatch knows {VERSION}"):
        store.open()
    reader = SQLiteStore(path, read_only=True)
    with pytest.raises(StoreError, match="version 99"):
        reader.open()
    reader.close()
    assert stranger.execute("SELECT version FROM audit_meta").fetchall() == [(99,)]


def test_an_earlier_version_is_brought_up_to_date_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whichever process comes first; the new column says what the bodies say, and the rest is as it was."""
    monkeypatch.setattr("midwatch.audit.stores.schema.CHUNK", 4)
    rows = events(1, 11)
    draft = sqlite3.connect(path)
    draft.execute("PRAGMA journal_mode=WAL")
    draft.execute(
        "CREATE TABLE audit_event (stream TEXT NOT NULL, seq BIGINT NOT NULL, body BLOB NOT NULL, chain BLOB NOT NULL,"
        " detail BLOB, detail_salt BLOB, id TEXT UNIQUE, time BIGINT NOT NULL, kind TEXT, actor TEXT, action TEXT,"
        " resource_type TEXT, resource_id TEXT, outcome TEXT, ip TEXT, trace_id TEXT, PRIMARY KEY (stream, seq))"
    )
    draft.execute("CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON audit_event"
                  " BEGIN SELECT RAISE(ABORT, 'no'); END")  # fmt: skip
    for row in rows:
        draft.execute(
            "INSERT INTO audit_event (stream, seq, body, chain, id, time) VALUES (?, ?, ?, ?, ?, 0)",
            (row.stream, row.seq, row.body, row.chain, json.loads(row.body)["id"]),
        )
    draft.commit()
    draft.close()
    with pytest.raises(StoreError, match="earlier version"):
        SQLiteStore(path, read_only=True).open()
    stores = [SQLiteStore(path) for _ in range(3)]
    threads = [threading.Thread(target=store.open) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        assert everything(store, name(1)) == rows
        assert [row["tenant"] for row in store.columns_of(name(1), -1, 100)] == [f"t{n % 2}" for n in range(11)]
        store.register(stream_row(name(1)))
        store.append(events(2, 2))
        with pytest.raises(StoreError, match="append-only"), store._writing() as connection:
            connection.exec_driver_sql("UPDATE audit_event SET actor = NULL")
        store.close()
    made = sqlite3.connect(path)
    assert made.execute("SELECT version FROM audit_meta").fetchall() == [(VERSION,)]
    found = {row[0] for row in made.execute("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")}
    assert found == {"audit_event_time", "audit_event_actor", "audit_event_resource", "audit_event_other"}
    made.close()


def test_questions_use_the_indexes(store: SQLiteStore, stranger: sqlite3.Connection) -> None:
    plan = "EXPLAIN QUERY PLAN SELECT * FROM audit_event WHERE {} ORDER BY time, stream, seq LIMIT 9"
    for condition, index in (
        ("actor = 'a' AND time >= 5 AND (time, stream, seq) > (5, 'a', 7)", "audit_event_actor"),
        ("time >= 5 AND (time, stream, seq) > (5, 'a', 7)", "audit_event_time"),
        ("resource_type = 'a' AND resource_id = 'b'", "audit_event_resource"),
        ("outcome <> 'success' AND time > 7", "audit_event_"),
    ):
        assert index in str(stranger.execute(plan.format(condition)).fetchall())
    assert store.find(Filter(), 1).rows == []


def test_no_error_shows_an_event(store: SQLiteStore, stranger: sqlite3.Connection) -> None:
    stranger.execute("DROP TABLE audit_event")
    with pytest.raises(StoreError) as caught:
        store.append(events(1, 1))
    assert str(caught.value).endswith("audit.db: OperationalError: no such table: audit_event")
    assert caught.value.__suppress_context__


def test_a_trigger_of_somebody_that_refuses_is_no_collision(store: SQLiteStore, stranger: sqlite3.Connection) -> None:
    stranger.execute("CREATE TRIGGER refuse BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'not now'); END")
    with pytest.raises(StoreError, match="not now"):
        store.append(events(1, 2))
    stranger.execute("DROP TRIGGER refuse")
    store.append(events(1, 2))
    assert everything(store, name(1)) == events(1, 2)


def test_who_only_reads_sees_what_came_after_it_was_opened(path: Path, store: SQLiteStore) -> None:
    """The first question like all others."""
    reader = SQLiteStore(path, read_only=True)
    reader.open()
    rows = events(1, 3)
    store.append(rows)
    assert reader.chain_of(rows[0].stream, -1, 10) == rows
    reader.close()


def test_waiting_leaves_the_random_numbers_of_the_application_alone(
    store: SQLiteStore, stranger: sqlite3.Connection
) -> None:
    """It may have seeded them."""
    before = random.getstate()
    stranger.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError):
        store.append(events(1, 1))
    stranger.rollback()
    assert random.getstate() == before
