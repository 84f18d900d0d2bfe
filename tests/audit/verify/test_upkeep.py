"""What is pruned or erased with a record is told from what somebody took away."""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.audit import verify
from midwatch.audit.canonical import canonical
from midwatch.audit.checkpoints import root_of
from midwatch.audit.erase import erase
from midwatch.audit.merkle import Merkle
from midwatch.audit.prune import prune
from midwatch.audit.stores import Filter, StoreError

from .conftest import Case, build, edited, put, put_down


@pytest.fixture
def case(tmp_path: Path) -> Any:
    made = build(f"sqlite:///{tmp_path}/audit")
    yield made
    put_down(made)


def all_of(case: Case) -> list[dict[str, Any]]:
    return [json.loads(row.body) for row in case.hands.load().events]


def test_pruned_events_are_gone_with_a_record_and_the_rest_is_sound(case: Case) -> None:
    before = case.hands.load()
    told: list[tuple[int, int]] = []
    done = prune(
        case.trail.store,
        before=case.published[1].time + 1,
        actor="ada",
        policy="30 days",
        progress=lambda done, total: told.append((done, total)),
    )
    # What the second checkpoint covers: 1 + 3 + 3 events of one, 1 + 2 + 2 of the other.
    assert done == (12, 2)
    assert told[-1] == (12, 12)
    verdict = case.verify()
    assert (verdict.state, verdict.findings) == ("sound", ()), verdict.text()
    assert (verdict.pruned, verdict.events) == (12, 16 - 12 + 4)
    records = [body for body in all_of(case) if body["action"] == "audit.pruned"]
    assert {(one["by"], one["policy"]) for one in records} == {("ada", "30 days")}
    for one in records:
        rows = [row for row in before.of(one["resource"][0]["id"]) if row.seq <= one["upto"]]
        assert (one["count"], one["chain"]) == (len(rows), rows[-1].chain.hex())


def test_pruning_once_more_removes_nothing_and_never_the_records(case: Case) -> None:
    far = time.time_ns() + 10**18
    assert prune(case.trail.store, before=far, actor="ada", policy="p").events == 16
    case.commit()
    assert prune(case.trail.store, before=far, actor="ada", policy="p").events == 0
    verdict = case.verify()
    assert (verdict.state, verdict.findings, verdict.pruned) == ("sound", (), 16), verdict.text()
    put(case.writer, 2)
    assert case.verify().state == "sound"


def test_what_was_pruned_can_be_verified_from_its_export(case: Case, tmp_path: Path) -> None:
    export = tmp_path / "old.jsonl.gz"
    prune(case.trail.store, before=case.published[1].time + 1, actor="ada", policy="p", export=export)
    report = verify(gzip.decompress(export.read_bytes()).decode().splitlines())
    assert report.sound
    assert report.events == 12
    manifest = json.loads((tmp_path / "old.jsonl.gz.manifest.json").read_text())
    assert manifest["sha256"] == hashlib.sha256(export.read_bytes()).hexdigest()
    assert {body.get("export") for body in all_of(case) if body["action"] == "audit.pruned"} == {manifest["sha256"]}
    assert export.stat().st_mode & 0o077 == 0
    with pytest.raises(FileExistsError):
        prune(case.trail.store, before=time.time_ns(), actor="ada", policy="p", export=export)


def test_what_was_tampered_with_is_not_pruned(case: Case, tmp_path: Path) -> None:
    found = case.hands.load()
    found.replace(case.ended, [edited(row) if row.seq == 4 else row for row in found.of(case.ended)])
    case.hands.save(found)
    with pytest.raises(StoreError, match="event 4"):
        prune(case.trail.store, before=time.time_ns(), actor="ada", policy="p", export=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert len(case.hands.load().events) == 16


def test_more_than_the_record_says_cannot_be_taken_away(case: Case) -> None:
    prune(case.trail.store, before=case.published[0].time + 1, actor="ada", policy="p")
    found = case.hands.load()
    rows = found.of(case.ended)
    found.replace(case.ended, rows[1:])
    found.streams = [
        row._replace(prune_seq=rows[0].seq, prune_chain=rows[0].chain) if row.stream == case.ended else row
        for row in found.streams
    ]
    case.hands.save(found)
    assert case.verify().state == "tampered"


def test_events_that_are_gone_in_the_middle_of_a_pruning_are_no_alarm(case: Case) -> None:
    # Killed between its chunks: the record names more than is gone.
    prune(case.trail.store, before=case.published[1].time + 1, actor="ada", policy="p")
    put(case.writer)
    original = case.trail.store.kept
    pruned: list[int] = []

    def kept(stream: str, after: int, limit: int) -> Any:
        rows = original(stream, after, 1)
        if stream == case.open and not pruned:
            pruned.append(1)
            case.commit()
            prune(case.trail.store, before=time.time_ns(), actor="ada", policy="p")
        return rows

    case.trail.store.open()
    case.trail.store.kept = kept  # type: ignore[method-assign]
    verdict = case.verify()
    assert verdict.state == "sound", verdict.text()


def test_erased_detail_is_told_from_missing_detail(case: Case) -> None:
    ids = [json.loads(row.body)["id"] for row in case.hands.load().of(case.ended) if row.detail is not None]
    assert erase(case.trail.store, ids=ids[:2], actor="ada", reason="request 17").events == 2
    verdict = case.verify()
    assert (verdict.state, verdict.erased, verdict.findings) == ("sound", 2, ()), verdict.text()
    (record,) = [body for body in all_of(case) if body["action"] == "audit.erased"]
    assert (record["by"], record["reason"], record["ids"]) == ("ada", {"text": "request 17"}, sorted(ids[:2]))
    case.commit()
    assert prune(case.trail.store, before=time.time_ns() + 1, actor="ada", policy="p").events
    assert case.verify().state == "sound"


def test_what_a_filter_finds_is_erased_in_as_many_records_as_it_takes(case: Case) -> None:
    put(case.writer, 250, b'{"ua":"x"}')
    assert erase(case.trail.store, wanted=Filter(action="order.refund"), actor="ada", reason="r").events == 255
    assert erase(case.trail.store, wanted=Filter(action="order.refund"), actor="ada", reason="r").events == 0
    assert sum(body["action"] == "audit.erased" for body in all_of(case)) == 3
    verdict = case.verify()
    assert (verdict.state, verdict.erased) == ("sound", 255), verdict.text()


@pytest.mark.parametrize("chosen", [{}, {"ids": ["a"], "wanted": Filter()}])
def test_what_to_erase_is_named_in_one_way(case: Case, chosen: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="either"):
        erase(case.trail.store, actor="ada", reason="r", **chosen)


def test_a_file_is_left_as_it_is_without_any_record(tmp_path: Path) -> None:
    case = build(f"file://{tmp_path}/lines")
    before = (tmp_path / "lines").read_bytes()
    with pytest.raises(StoreError, match="nothing is removed from a file"):
        prune(case.trail.store, before=time.time_ns(), actor="ada", policy="p")
    with pytest.raises(StoreError, match="nothing is removed from a file"):
        erase(case.trail.store, ids=["a"], actor="ada", reason="r")
    assert (tmp_path / "lines").read_bytes() == before
    put_down(case)


def test_a_store_that_takes_no_record_keeps_its_events(case: Case) -> None:
    other = sqlite3.connect(case.hands.url.removeprefix("sqlite:///"))
    other.execute("CREATE TRIGGER no BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'no'); END")
    other.close()
    from midwatch.audit import upkeep

    patience, upkeep.PATIENCE = upkeep.PATIENCE, 0.3  # type: ignore[misc]
    try:
        with pytest.raises(StoreError, match="nothing was removed"):
            prune(case.trail.store, before=time.time_ns(), actor="ada", policy="p")
    finally:
        upkeep.PATIENCE = patience  # type: ignore[misc]
    assert len(case.hands.load().events) == 16
    other = sqlite3.connect(case.hands.url.removeprefix("sqlite:///"))
    other.execute("DROP TRIGGER no")
    other.close()


@given(st.lists(st.integers(0, 1000), max_size=40))
def test_the_root_is_the_same_leaf_by_leaf(numbers: list[int]) -> None:
    commitments = [(str(number), number, "") for number in numbers]
    tree = Merkle()
    for one in commitments:
        tree.add(hashlib.sha256(b"\0" + canonical(one)).digest())
    assert (tree.root(), tree.count) == (root_of(commitments), len(numbers))
