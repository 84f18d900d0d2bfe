"""
What somebody does to the tables of SQLite, value by value, which keep any type in any column.

Each shows as tampered with, and nothing that reads the trail falls over it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.audit.erase import erase
from midwatch.audit.export import exporter
from midwatch.audit.export.opened import Event
from midwatch.audit.prune import prune
from midwatch.audit.query import Filter, open_trail
from midwatch.audit.stores import StoreError
from midwatch.audit.stores.guards import unguard
from midwatch.cli.audit.rows import screen, told
from midwatch.cli.audit.tail import Follower

from .conftest import Case, build, put_down
from .test_attacks import tampered

LATE = 2**62


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    made = build(f"sqlite:///{tmp_path}/audit.db")
    yield made
    put_down(made)


def do(case: Case, *statements: str) -> None:
    """With :open and :ended for the names of the streams."""
    with case.hands._engine() as connection:
        unguard(connection)
        for sql in statements:
            connection.exec_driver_sql(sql.replace(":open", f"'{case.open}'").replace(":ended", f"'{case.ended}'"))


EVENTS = [
    "UPDATE audit_event SET body = CAST(body AS TEXT) WHERE stream = :ended AND seq = 2",
    "UPDATE audit_event SET body = 'nothing' WHERE stream = :ended AND seq = 2",
    "UPDATE audit_event SET body = 7 WHERE stream = :ended AND seq = 2",
    "UPDATE audit_event SET body = CAST(x'ff00fe' AS TEXT) WHERE stream = :ended AND seq = 2",
    "UPDATE audit_event SET chain = 'text' WHERE stream = :ended AND seq = 2",
    "UPDATE audit_event SET chain = 1.5 WHERE stream = :open AND seq = (SELECT max(seq) FROM audit_event)",
    "UPDATE audit_event SET detail = CAST(detail AS TEXT) WHERE stream = :ended AND seq = 2",
    "UPDATE audit_event SET detail_salt = CAST(detail_salt AS TEXT) WHERE stream = :ended AND seq = 2",
    "UPDATE audit_event SET detail_salt = 5 WHERE stream = :ended AND seq = 2",
    "UPDATE audit_event SET action = CAST(x'ff' AS TEXT) WHERE stream = :ended AND seq = 2",
    "UPDATE audit_event SET time = 'noon' WHERE stream = :ended AND seq = 2",
    "UPDATE audit_event SET kind = x'00' WHERE stream = :ended AND seq = 2",
    "UPDATE audit_event SET seq = 'two' WHERE stream = :ended AND seq = 2",
    "UPDATE audit_event SET seq = x'02' WHERE stream = :ended AND seq = 6",
    "UPDATE audit_event SET seq = 2.5 WHERE stream = :ended AND seq = 2",
    "UPDATE audit_event SET seq = -7 WHERE stream = :ended AND seq = 2",
    "UPDATE audit_event SET stream = x'01' WHERE stream = :ended AND seq = 2",
    "UPDATE audit_event SET stream = 'x' WHERE stream = :ended AND seq = 2",
    "UPDATE audit_event SET stream = CAST(stream AS BLOB) WHERE stream = :ended",
]


def check_sound_first(case: Case) -> None:
    assert case.verify().state == "sound"


@pytest.mark.parametrize("sql", EVENTS)
def test_an_event_that_is_kept_otherwise_is_found_and_can_be_read(case: Case, sql: str, tmp_path: Path) -> None:
    check_sound_first(case)
    do(case, sql)
    assert tampered(case.verify())
    assert tampered(case.verify(progress=lambda *_: None, keyed=False, anchored=False))
    store = case.trail.store
    with open_trail(case.hands.url) as trail:
        rows = list(trail.events())
        assert len(rows) == 16
        trail.stats()
        trail.findings()
        for form in ("jsonl", "csv", "ocsf", "cadf"):
            with (tmp_path / form).open("wb") as file:
                exporter(form)(map(Event, trail.events()), file)
        assert all(told(Event(row), screen()) for row in rows)
    follower = Follower(store, Filter())
    follower._last = {}
    list(follower.new())
    list(store.columns_of(case.ended, -1, 100))
    erase(store, wanted=Filter(), actor="ann", reason="asked to")
    try:
        prune(store, before=LATE, actor="ann", policy="old")
    except StoreError as error:
        assert "nothing was removed" in str(error)  # noqa: PT017 - what is altered beside the chain may go
        assert tampered(case.verify())


@pytest.mark.parametrize(
    "statements",
    [
        [
            "CREATE TABLE kept AS SELECT * FROM audit_event WHERE stream = :ended",
            ("UPDATE audit_event SET detail_salt = (SELECT detail_salt FROM kept WHERE kept.seq = 3 - audit_event.seq)"
            " WHERE stream = :ended AND seq IN (1, 2)"),
            "DROP TABLE kept",
        ],
        [
            "CREATE TABLE kept AS SELECT * FROM audit_event WHERE stream = :ended",
            ("UPDATE audit_event SET detail_salt = (SELECT detail_salt FROM kept WHERE kept.seq = 3 - audit_event.seq),"
            " detail = (SELECT detail FROM kept WHERE kept.seq = 3 - audit_event.seq)"
            " WHERE stream = :ended AND seq IN (1, 2)"),
            "DROP TABLE kept",
        ],
        ["UPDATE audit_event SET id = NULL WHERE stream = :ended AND seq = 2"],
        ["UPDATE audit_event SET id = 'another' WHERE stream = :ended AND seq = 2"],
        [
            "UPDATE audit_event SET id = NULL WHERE stream = :open AND seq = 1",
            ("UPDATE audit_event SET id = (SELECT json_extract(CAST(body AS TEXT), '$.id') FROM audit_event"
            " WHERE stream = :open AND seq = 1) WHERE stream = :ended AND seq = 2"),
        ],
        ["UPDATE audit_event SET detail = x'7b7d', detail_salt = x'00' WHERE stream = :ended AND seq = 7"],
        ["UPDATE audit_event SET detail = NULL, detail_salt = NULL WHERE stream = :ended AND seq = 2"],
        ["UPDATE audit_event SET detail = NULL WHERE stream = :ended AND seq = 2"],
        ["UPDATE audit_stream SET host = 'elsewhere' WHERE stream = :ended"],
        ["UPDATE audit_stream SET pid = pid + 1 WHERE stream = :open"],
        ["UPDATE audit_stream SET pid = 'one' WHERE stream = :open"],
        ["UPDATE audit_stream SET service = 'other' WHERE stream = :open"],
        ["UPDATE audit_stream SET public_key = x'00' WHERE stream = :open"],
        ["UPDATE audit_stream SET public_key = 'key' WHERE stream = :open"],
        ["UPDATE audit_stream SET opened = 'then' WHERE stream = :open"],
        ["UPDATE audit_stream SET last_seen = 'now' WHERE stream = :open"],
        ["UPDATE audit_stream SET closed = 'now' WHERE stream = :open"],
        ["UPDATE audit_stream SET final_seq = 'last' WHERE stream = :ended"],
        ["UPDATE audit_stream SET final_seq = final_seq - 1 WHERE stream = :ended"],
        ["UPDATE audit_stream SET final_chain = 'end' WHERE stream = :ended"],
        ["UPDATE audit_stream SET prune_seq = 'two', prune_chain = 'x' WHERE stream = :ended"],
        ["UPDATE audit_stream SET prune_seq = 2, prune_chain = x'00' WHERE stream = :ended"],
        ["UPDATE audit_stream SET stream = CAST(stream AS BLOB) WHERE stream = :open"],
        ["DELETE FROM audit_stream WHERE stream = :open"],
        [("INSERT INTO audit_stream SELECT 'ghost', host, pid, service, public_key, opened, last_seen, closed,"
         " final_seq, final_chain, prune_seq, prune_chain FROM audit_stream WHERE stream = :ended")],
        ["DELETE FROM audit_checkpoint WHERE n = 1"],
        ["DELETE FROM audit_checkpoint WHERE n = 2"],
        ["UPDATE audit_checkpoint SET n = 3 WHERE n = 2"],
        ["UPDATE audit_checkpoint SET n = -1 WHERE n = 0"],
        ["UPDATE audit_checkpoint SET n = 'two' WHERE n = 2"],
        ["UPDATE audit_checkpoint SET time = time + 1000000 WHERE n = 2"],
        ["UPDATE audit_checkpoint SET time = 'noon' WHERE n = 2"],
        ["UPDATE audit_checkpoint SET digest = x'00' WHERE n = 2"],
        ["UPDATE audit_checkpoint SET signature = x'00' WHERE n = 2"],
        ["UPDATE audit_checkpoint SET signature = 'text' WHERE n = 2"],
        ["UPDATE audit_checkpoint SET signature = NULL WHERE n = 2"],
        ["UPDATE audit_checkpoint SET key_id = 'other' WHERE n = 2"],
        ["UPDATE audit_checkpoint SET key_id = x'00' WHERE n = 2"],
        ["UPDATE audit_checkpoint SET payload = 'text' WHERE n = 1"],
    ],
)  # fmt: skip
def test_a_value_that_was_exchanged_is_found(case: Case, statements: list[str]) -> None:
    check_sound_first(case)
    do(case, *statements)
    assert tampered(case.verify())


GHOST = (
    "INSERT INTO audit_event SELECT {}, {}, body, chain, detail, detail_salt, 'ghost', time, kind, actor, action,"
    " resource_type, resource_id, outcome, ip, tenant, trace_id FROM audit_event WHERE stream = :ended AND seq = 2"
)


@pytest.mark.parametrize(
    ("stream", "seq"),
    [(":ended", "-7"), ("''", "0"), ("x'00'", "0"), (":ended", "2.5"), (":ended", "'x'"), ("'ghost'", "0")],
)
def test_an_event_where_nobody_looks_is_found(case: Case, stream: str, seq: str) -> None:
    do(case, GHOST.format(stream, seq))
    assert tampered(case.verify())


def test_an_event_in_place_of_one_that_was_pruned_is_found(case: Case) -> None:
    do(case, "CREATE TABLE kept AS SELECT * FROM audit_event WHERE stream = :ended")
    prune(case.trail.store, before=LATE, actor="ann", policy="old")
    assert case.verify().state == "sound"
    do(case, "INSERT INTO audit_event SELECT * FROM kept WHERE seq = 2", "DROP TABLE kept")
    assert tampered(case.verify())


def test_a_stream_cannot_be_hidden_from_a_verification_of_the_last_days(case: Case) -> None:
    since = case.published[0].time
    assert case.verify(since=since).state == "sound"
    do(
        case,
        "UPDATE audit_stream SET last_seen = 1 WHERE stream = :open",
        "UPDATE audit_event SET body = x'7b7d' WHERE stream = :open AND seq = 3",
    )
    assert tampered(case.verify(since=since))
