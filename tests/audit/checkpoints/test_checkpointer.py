from __future__ import annotations

import json
import sqlite3
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from midwatch.audit.anchors import open_anchor, read
from midwatch.audit.checkpoints import Checkpointer, digest, parse, root_of
from midwatch.audit.stores import Checkpoint, StoreError, StreamRow, open_store
from midwatch.delivery import flush

from ..writer.shelf import Shelf
from .conftest import LONG, SIGNER, Make, Trail, committed, put, until


def _has(one: Checkpointer, n: int) -> bool:
    return one.state().n == n


def _leads(one: Checkpointer) -> bool:
    return one.state().leads


def test_there_is_no_thread_before_it_is_started(trail: Trail, make: Make) -> None:
    before = threading.active_count()
    one = make()
    assert threading.active_count() == before
    assert one.state().n is None
    assert one.close(1)
    assert trail.checkpoints() == []


def test_the_first_says_how_far_all_streams_are(trail: Trail, make: Make) -> None:
    writers = [trail.writer(), trail.writer()]
    for writer in writers:
        put(writer, 3)
    one = make()
    one.start()
    until(lambda: one.state().n == 0)
    (payload,) = trail.payloads()
    assert committed([payload]) == trail.heads()
    assert len(payload.commitments) == 2
    assert (payload.log, payload.previous) == ("orders", "")
    assert payload.open == sorted(trail.heads())
    assert payload.totals == {"events": 8, "streams": 2}
    assert payload.root == root_of([(stream, *head) for stream, head in sorted(trail.heads().items())]).hex()


def test_each_is_signed_and_names_the_one_before(trail: Trail, make: Make) -> None:
    writer = trail.writer()
    one = make(events=2)
    one.start()
    for n in range(4):
        put(writer, 2)
        until(partial(_has, one, n))
    previous = ""
    for n, (kept, payload) in enumerate(zip(trail.checkpoints(), trail.payloads(), strict=True)):
        assert (kept.n, payload.n, payload.previous) == (n, n, previous)
        assert (kept.time, payload.time) == (payload.time, kept.time)
        assert kept.digest == digest(kept.payload)
        assert kept.signature is not None
        assert SIGNER.verifier().check(kept.payload, kept.signature)
        assert kept.key_id == payload.key_id == SIGNER.key_id
        assert payload.algorithm == "HMAC-SHA256"
        previous = kept.digest.hex()


def test_without_a_key_nothing_is_signed(trail: Trail, make: Make) -> None:
    put(trail.writer())
    make(signer=None).start()
    until(trail.checkpoints)
    (kept,) = trail.checkpoints()
    assert (kept.signature, kept.key_id) == (None, None)


def test_only_streams_that_moved_are_committed_and_the_root_has_all(trail: Trail, make: Make) -> None:
    first, second = trail.writer(), trail.writer()
    put(first)
    put(second)
    one = make(events=1)
    one.start()
    until(lambda: len(committed(trail.payloads())) == 2)
    last = trail.payloads()[-1].n
    put(first)
    until(lambda: committed(trail.payloads()) == trail.heads())
    assert [len(payload.commitments) for payload in trail.payloads()[last + 1 :]] == [1]
    assert trail.payloads()[-1].root == root_of([(key, *value) for key, value in sorted(trail.heads().items())]).hex()


def test_there_is_one_from_time_to_time_also_when_nothing_happens(trail: Trail, make: Make) -> None:
    one = make(every=0.05)
    one.start()
    until(lambda: (one.state().n or 0) >= 3)
    times = [checkpoint.time for checkpoint in trail.checkpoints()]
    assert times == sorted(set(times))
    assert not committed(trail.payloads())


def test_a_last_one_has_the_end_of_every_stream(trail: Trail, make: Make) -> None:
    writer, one = trail.writer(), make()
    put(writer, 2)
    one.start()
    until(lambda: one.state().n == 0)
    assert writer.close(LONG)
    assert one.close(LONG)
    assert committed(trail.payloads()) == trail.heads()
    assert trail.payloads()[-1].open == []
    assert len(trail.checkpoints()) == 2
    assert one.close(LONG)


def test_the_end_makes_none_if_nothing_moved(trail: Trail, make: Make) -> None:
    put(trail.writer())
    for _ in range(3):
        one = make()
        one.start()
        until(partial(_leads, one))
        one.close(LONG)
    assert len(trail.checkpoints()) == 1


def test_one_leads_and_another_goes_on_where_it_stopped(trail: Trail, make: Make) -> None:
    writer = trail.writer()
    put(writer)
    first, second = make(events=1), make(events=1)
    first.start()
    until(lambda: first.state().n == 0)
    second.start()
    until(lambda: second.state().n == 0)
    put(writer)
    until(lambda: second.state().n == 1)
    assert (first.state().leads, second.state().leads, second.state().made) == (True, False, 0)
    first.close(LONG)
    put(writer)
    until(lambda: second.state().made)
    payloads = trail.payloads()
    assert [payload.n for payload in payloads] == list(range(len(payloads)))
    assert all(
        kept.digest.hex() == after.previous for kept, after in zip(trail.checkpoints(), payloads[1:], strict=False)
    )
    assert committed(payloads) == trail.heads()


def test_a_number_that_another_has_made_is_not_made_again(trail: Trail, make: Make) -> None:
    """Locks may fail; the number is the last word."""
    writer = trail.writer()
    put(writer)
    ones = []
    for _ in range(2):
        store: Any = open_store(trail.url)
        store.leading = lambda: True
        ones.append(make(store=store, events=1))
        ones[-1].start()
    for _ in range(10):
        put(writer)
    until(lambda: committed(trail.payloads()) == trail.heads())
    payloads = trail.payloads()
    assert all(
        kept.digest.hex() == after.previous for kept, after in zip(trail.checkpoints(), payloads[1:], strict=False)
    )
    assert [payload.n for payload in payloads] == list(range(len(payloads)))


def test_a_store_that_fails_is_asked_again(make: Make) -> None:
    shelf = Shelf()
    shelf.fail(StoreError("shelf: is not there"))
    one = make(store=shelf, every=0.05)
    one.start()
    until(lambda: one.state().errors >= 2)
    assert one.state().failing_for is not None
    shelf.fail(None)
    until(lambda: one.state().n)
    assert one.state().failing_for is None


def test_a_store_that_hangs_does_not_hang_the_end(make: Make) -> None:
    shelf = Shelf()
    shelf.hang()
    one = make(store=shelf)
    one.start()
    shelf.wait(lambda: shelf.asked)
    assert not one.close(0.05)
    shelf.go_on()
    assert one.close(LONG)


def test_a_stream_without_a_sign_of_life_is_marked_and_recorded(trail: Trail, make: Make) -> None:
    dead = trail.store.streams
    writer = trail.writer()
    put(writer, 2)
    (living,) = dead()
    body = living._replace(stream="d" * 32)
    trail.store.register(body)
    notes: list[tuple[str, dict[str, Any]]] = []
    one = make(abandoned=0.1, note=lambda action, said: notes.append((action, said)))
    one.start()
    until(lambda: len(notes) >= 2)
    until(lambda: all(row.final_seq is not None for row in dead()))
    said = {action["resource"][0]["id"]: action for name, action in notes if name == "stream.abandoned"}
    assert said["d" * 32]["final_seq"] == -1
    seq, chain = trail.heads()[living.stream]
    assert (said[living.stream]["final_seq"], said[living.stream]["final_chain"]) == (seq, chain)
    assert all(row.closed is None for row in dead())
    json.dumps(notes)


def test_what_is_said_of_an_abandoned_stream_is_an_event_like_any_other(trail: Trail, make: Make) -> None:
    writer = trail.writer()
    put(writer)
    (living,) = trail.store.streams()
    trail.store.register(living._replace(stream="d" * 32))
    one = make(abandoned=0.3, note=writer.note)
    one.start()
    until(lambda: "stream.abandoned" in trail.actions())


def test_a_sign_of_life_keeps_a_stream_open(trail: Trail, make: Make) -> None:
    notes: list[str] = []
    writer = trail.writer()
    put(writer)
    (living,) = trail.store.streams()
    one = make(abandoned=0.5, note=lambda action, _said: notes.append(action))
    one.start()
    for beat in range(1, 13):
        time.sleep(0.1)  # time has to pass: it is what this is about
        trail.store.register(living._replace(last_seen=living.last_seen + beat * 61_000_000_000))
    assert notes == []


@pytest.mark.parametrize(
    "change", ["DELETE FROM audit_event WHERE seq > 1", "UPDATE audit_event SET chain = zeroblob(32) WHERE seq > 1"]
)
def test_events_that_are_gone_or_exchanged_are_said(
    trail: Trail, make: Make, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    if trail.url.startswith("file"):
        pytest.skip("a file is read once")
    put(trail.writer(), 3)
    one = make()
    one.start()
    until(lambda: one.state().n == 0)
    raw = sqlite3.connect(trail.url.removeprefix("sqlite:///"))
    for (trigger,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        raw.execute(f"DROP TRIGGER {trigger}")
    raw.execute(change)
    raw.commit()
    raw.close()
    until(lambda: one.state().shrunk == 1)
    assert "events are gone that a checkpoint has" in caplog.text
    one.close(LONG)
    assert len(trail.checkpoints()) == 1


def test_they_are_published_and_the_last_one_again_by_who_takes_over(trail: Trail, make: Make, tmp_path: Path) -> None:
    writer = trail.writer()
    put(writer)
    url = f"file://{tmp_path}/anchors.jsonl"
    first = make(events=1, anchors=[open_anchor(url)])
    first.start()
    until(lambda: first.state().n == 0)
    put(writer)
    until(lambda: first.state().n == 1)
    first.close(LONG)
    assert flush()
    second = make(anchors=[open_anchor(url)])
    second.start()
    until(lambda: second.state().leads)
    assert flush()
    until(lambda: second.state().anchors[0].n == 1)
    found = list(read(url))
    assert [one.n for one in found] == [0, 1, 1]
    for one in found:
        kept = trail.checkpoints()[one.n]
        assert (one.digest, one.payload) == (kept.digest.hex(), kept.payload.decode())
        assert one.signature is not None
        assert SIGNER.verifier().check(one.payload.encode(), bytes.fromhex(one.signature))


def test_time_does_not_go_back_for_a_skew_but_for_a_clock_that_was_set_back(make: Make) -> None:
    shelf, now = Shelf(), 1_767_225_600_000_000_000
    told = [now + 1_500]
    make(store=shelf, every=0.05, clock=lambda: told[-1]).start()
    until(lambda: shelf.checked)
    told.append(now - 1_000_000_000)
    seen = len(shelf.checked)
    until(lambda: len(shelf.checked) > seen + 1)
    told.append(now - 86_400_000_000_000)
    until(lambda: shelf.checked[-1].time == told[-1])
    times = [kept.time for kept in shelf.checked]
    before = times[: times.index(told[-1])]
    assert before == [now + 1_000 * (1 + n) for n in range(len(before))]


def test_a_file_that_was_moved_away_is_gone_on_with(trail: Trail, make: Make, tmp_path: Path) -> None:
    if trail.url.startswith("sqlite"):
        pytest.skip("nobody moves a database")
    writer = trail.writer()
    put(writer, 2)
    one = make(events=1)
    one.start()
    until(lambda: committed(trail.payloads()) == trail.heads())
    before = trail.checkpoints()
    (tmp_path / "audit").rename(tmp_path / "audit.1")
    put(writer, 2)
    trail.store.register(_known(tmp_path / "audit.1"))
    until(lambda: trail.checkpoints() and committed(trail.payloads()) == trail.heads())
    after = trail.checkpoints()
    assert after[0].n == before[-1].n + 1
    assert trail.payloads()[0].previous == before[-1].digest.hex()
    assert one.state().shrunk == 0
    assert trail.payloads()[-1].totals["events"] == 5


def _known(path: Path) -> StreamRow:
    """The one stream that a file has; its writer says so again within some seconds."""
    store = open_store(f"file://{path}", read_only=True)
    store.open()
    (row,) = store.streams()
    store.close()
    return row


def test_a_checkpoint_that_nobody_can_read_does_not_stop_the_next(make: Make) -> None:
    shelf = Shelf()
    shelf.checked.append(Checkpoint(7, 1_767_225_600_000_000_000, b"\xff not JSON", b"d" * 32, None, None))
    one = make(store=shelf, every=0.05)
    one.start()
    until(lambda: len(shelf.checked) > 1)
    assert parse(shelf.checked[1].payload).n == 8
    assert parse(shelf.checked[1].payload).previous == digest(b"\xff not JSON").hex()


def test_one_that_was_closed_may_begin_again(trail: Trail, make: Make) -> None:
    writer, one = trail.writer(), make(events=1)
    for _ in range(3):
        put(writer)
        one.start()
        until(lambda: committed(trail.payloads()) == trail.heads())
        assert one.close(LONG)
        assert not one.state().leads
    assert [payload.n for payload in trail.payloads()] == [0, 1, 2]
