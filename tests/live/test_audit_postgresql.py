"""The audit trail in PostgreSQL: what every store promises, and what happens to servers and sessions."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from midwatch.audit.stores import Filter, Store, StoreError, open_store
from midwatch.audit.stores.schema import VERSION

from ..audit.stores.contract import StoreContract
from ..audit.stores.rows import checkpoint, events, everything, name, stream_row
from .postgresql import PostgreSQL, database, postgresql

__all__ = ["database", "postgresql"]

pytestmark = pytest.mark.live

FOLDER = str(Path(__file__).parents[1] / "audit" / "stores")

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

ERASING = "BEGIN; SET LOCAL midwatch.upkeep = 'erase';"


class TestPostgreSQL(StoreContract):
    @pytest.fixture
    def url(self, postgresql: PostgreSQL, database: str) -> str:
        return postgresql.url(database)


@pytest.fixture
def store(postgresql: PostgreSQL, database: str) -> Iterator[Store]:
    one = open_store(postgresql.url(database))
    one.open()
    yield one
    one.close()


def session(store: Any, query: str) -> Any:
    """What *query* says in the session of *store*."""
    with store._reading() as connection:
        return connection.exec_driver_sql(query).scalar()


def test_its_name_has_no_password(store: Store, postgresql: PostgreSQL, database: str) -> None:
    assert store.name == f"postgresql://127.0.0.1:{postgresql.port}/{database}"


@pytest.mark.parametrize(("default", "found"), [("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")])
def test_a_commit_is_on_disk_whatever_the_default(
    postgresql: PostgreSQL, database: str, default: str, found: str
) -> None:
    postgresql.execute(database, f"ALTER DATABASE {database} SET synchronous_commit = {default}")
    store = open_store(postgresql.url(database))
    assert session(store, "SHOW synchronous_commit") == found
    assert session(store, "SHOW idle_in_transaction_session_timeout") == "30s"
    store.close()


@pytest.mark.parametrize("how", ["restarted", "crashed", "terminated"])
def test_a_session_that_is_gone_is_an_error_once(store: Store, postgresql: PostgreSQL, database: str, how: str) -> None:
    """And nothing that was acknowledged is."""
    rows = events(1, 6)
    store.append(rows[:3])
    assert store.leading()
    if how == "restarted":
        postgresql.restart()
    elif how == "crashed":
        postgresql.crash()
    else:
        everybody = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
        postgresql.execute(database, f"{everybody} AND pid <> pg_backend_pid()")
    with pytest.raises(StoreError):
        store.append(rows[3:])
    store.append(rows[3:])
    assert everything(store, name(1)) == rows
    other = open_store(postgresql.url(database))
    assert other.leading()
    assert not store.leading()
    other.close()


def test_whoever_asks_learns_the_same_of_a_session_that_is_gone(
    store: Store, postgresql: PostgreSQL, database: str
) -> None:
    store.append(events(1, 3))
    for ask in (lambda: store.chain_of(name(1), -1, 9), store.streams, lambda: store.find(Filter(), 9), store.leading):
        everybody = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
        postgresql.execute(database, f"{everybody} AND pid <> pg_backend_pid()")
        with pytest.raises(StoreError, match="connection"):
            ask()
        assert everything(store, name(1)) == events(1, 3)


def test_a_server_that_is_away_is_an_error_until_it_is_back(postgresql: PostgreSQL, store: Store) -> None:
    store.append(events(1, 2))
    postgresql.stop()
    for _ in range(3):
        with pytest.raises(StoreError) as caught:
            store.append(events(2, 2))
    assert "not-a-secret" not in str(caught.value)
    assert caught.value.__suppress_context__
    postgresql.restart()
    store.append(events(2, 2))
    assert everything(store, name(1)) + everything(store, name(2)) == events(1, 2) + events(2, 2)


def test_a_server_that_says_nothing_is_waited_for_but_not_for_ever(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sockets live, so no timeout of the network helps."""
    monkeypatch.setattr("midwatch.audit.stores.postgresql.STATEMENT", -0.5)
    store.open()
    backend = session(store, "SELECT pg_backend_pid()")
    rows = events(1, 4)
    store.append(rows[:2])
    os.kill(backend, signal.SIGSTOP)
    try:
        with pytest.raises(StoreError, match=r"no answer within 0\.5 s"):
            store.append(rows[2:])
        store.append(rows[2:])
    finally:
        os.kill(backend, signal.SIGCONT)
    assert everything(store, name(1)) == rows


def test_a_table_that_is_locked_is_waited_for_but_not_for_ever(
    store: Store, postgresql: PostgreSQL, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    from midwatch.audit.stores import postgresql as module

    monkeypatch.setattr(module, "SESSION", module.SESSION.replace("'4s'", "'300ms'"))
    store.open()
    with psycopg.connect(postgresql.url(database).replace("+psycopg", "")) as other:
        other.execute("LOCK TABLE audit_event")
        with pytest.raises(StoreError, match="statement timeout"):
            store.append(events(1, 2))
        other.rollback()
    store.append(events(1, 2))
    assert everything(store, name(1)) == events(1, 2)


def test_killed_at_any_moment_what_was_acknowledged_is_there(
    store: Store, postgresql: PostgreSQL, database: str
) -> None:
    for stream, acks in ((1, 1), (2, 37), (3, 150)):
        script = KILLED.format(folder=FOLDER, url=postgresql.url(database), stream=stream)
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(acks)]
        process.send_signal(signal.SIGKILL)
        acknowledged = int([*seen, *process.stdout.read().splitlines()][-1])
        process.wait()
        process.stdout.close()
        # What it had sent may still be on its way into the table.
        kept = everything(store, name(stream), 1000)
        assert kept == events(stream, len(kept))
        assert acknowledged <= len(kept) <= acknowledged + 5


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_event SET actor = 'somebody'",
        "UPDATE audit_event SET detail = NULL, detail_salt = NULL",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
        "UPDATE audit_checkpoint SET time = 0",
        "DELETE FROM audit_checkpoint",
        "DELETE FROM audit_prune",
        "TRUNCATE audit_erasure",
        f"{ERASING} UPDATE audit_event SET body = '', detail = NULL, detail_salt = NULL",
        f"{ERASING} DELETE FROM audit_event",
        "BEGIN; SET LOCAL midwatch.upkeep = 'prune'; DELETE FROM audit_checkpoint",
    ],
)
def test_what_is_written_stays(store: Store, postgresql: PostgreSQL, database: str, change: str) -> None:
    """Before and after upkeep, which lifts that for its transaction only."""
    import psycopg

    rows = events(1, 4, b"{}")
    store.append(rows)
    store.add_checkpoint(checkpoint(1))
    store.prune(name(1), 0, rows[0].chain)
    store.erase([json.loads(rows[2].body)["id"]])
    with pytest.raises(psycopg.errors.RaiseException, match="is append-only"):
        postgresql.execute(database, change)
    with pytest.raises(StoreError, match="is append-only"), store._writing() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql("DELETE FROM audit_event")


def test_a_role_that_may_only_add_is_enough(store: Store, postgresql: PostgreSQL, database: str) -> None:
    postgresql.execute(database, f"CREATE ROLE {database}_writer LOGIN")
    postgresql.execute(database, f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {database}_writer")
    postgresql.execute(database, f"GRANT UPDATE ON audit_stream TO {database}_writer")
    url = postgresql.url(database).replace("midwatch:", f"{database}_writer:")
    writer = open_store(url)
    writer.open()
    writer.append(events(1, 3))
    writer.append(events(1, 3))
    writer.register(stream_row(name(1)))
    writer.register(stream_row(name(1)))
    assert writer.add_checkpoint(checkpoint(1))
    assert not writer.add_checkpoint(checkpoint(1))
    assert everything(writer, name(1)) == events(1, 3)
    with pytest.raises(StoreError, match="permission denied"):
        writer.prune(name(1), 2, events(1, 3)[2].chain)
    writer.close()


def test_many_may_begin_at_once(postgresql: PostgreSQL, database: str) -> None:
    stores = [open_store(postgresql.url(database)) for _ in range(8)]
    threads = [threading.Thread(target=store.append, args=(events(n, 3),)) for n, store in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, store in enumerate(stores):
        assert everything(stores[0], name(number)) == events(number, 3)
        store.close()


def test_a_later_version_is_refused(store: Store, postgresql: PostgreSQL, database: str) -> None:
    postgresql.execute(database, "UPDATE audit_meta SET version = 99")
    with pytest.raises(StoreError, match="have version 99"):
        store.open()


def test_an_earlier_version_is_brought_up_to_date(store: Store, postgresql: PostgreSQL, database: str) -> None:
    rows = events(1, 5)
    store.append(rows)
    for statement in (
        "DROP TABLE audit_meta",
        "ALTER TABLE audit_event DROP COLUMN tenant",
        "DROP TABLE audit_erasure",
        "DROP INDEX audit_event_other",
    ):
        postgresql.execute(database, statement)
    store.open()
    assert everything(store, name(1)) == rows
    assert [row["tenant"] for row in store.columns_of(name(1), -1, 100)] == [f"t{n % 2}" for n in range(5)]
    assert postgresql.execute(database, "SELECT version FROM audit_meta") == [(VERSION,)]
    found = postgresql.execute(database, "SELECT indexname FROM pg_indexes WHERE indexname = 'audit_event_other'")
    assert len(found) == 1


def test_the_password_is_in_no_error(postgresql: PostgreSQL) -> None:
    for url in (postgresql.url("not-a-secret"), postgresql.url("none").replace("127.0.0.1", "not-a-secret.invalid")):
        store = open_store(url)
        with pytest.raises(StoreError) as caught:
            store.open()
        assert "not-a-secret" not in str(caught.value).removeprefix(store.name)
        store.close()
