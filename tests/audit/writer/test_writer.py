"""The writer with a store that works."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from hashlib import sha256
from typing import Any

import pytest

from midwatch.audit.stores.store import Checkpoint, StreamRow
from midwatch.audit.writer import Lost, Rank, Writer
from midwatch.audit.writer.opening import last_checkpoint

from .shelf import LONG, Shelf, actions, body, sound

Make = Callable[..., Writer]


def done(ack: Future[None] | None) -> None:
    assert ack is not None
    ack.result(LONG)


def test_what_is_acknowledged_is_in_the_store(writer: Writer, shelf: Shelf) -> None:
    for mode in ("strict", "durable"):
        done(writer.put(body(mode), None, mode))
        assert mode in actions(shelf.rows.values())


def test_nobody_waits_for_an_event_that_is_async_and_it_comes_all_the_same(writer: Writer, shelf: Shelf) -> None:
    assert writer.put(body("seen"), None, "async", Rank.READ) is None
    shelf.wait(lambda: "seen" in actions(shelf.rows.values()))


def test_a_stream_says_how_it_begins_and_ends(make: Make, shelf: Shelf) -> None:
    writer = make(public_key=b"\x01" * 32)
    done(writer.put(body()))
    assert writer.close(LONG)
    ((stream, rows),) = sound(shelf.rows.values()).items()
    assert actions(rows) == ["stream.open", "orders.refund", "stream.close"]
    opening, _, closing = shelf.bodies()
    assert opening["pid"] == os.getpid()
    assert opening["public_key"] == "01" * 32
    assert opening["boot"]
    assert opening["service"]["host"] == "host"
    assert opening["actor"] == {"id": "orders", "type": "service", "verified": True}
    assert closing["final_seq"] == 2
    known = shelf.known[stream]
    assert (known.host, known.pid, known.service, known.public_key) == ("host", os.getpid(), "orders", b"\x01" * 32)
    assert (known.final_seq, known.final_chain) == (2, rows[-1].chain)
    assert known.closed is not None
    assert known.opened <= known.last_seen <= known.closed
    assert shelf.closed == 1


def test_a_stream_is_registered_before_it_has_events(writer: Writer, shelf: Shelf) -> None:
    noted: list[int] = []
    register = shelf.register

    def noting(stream: StreamRow) -> None:
        noted.append(len(shelf.rows))
        register(stream)

    shelf.register = noting  # type: ignore[method-assign]
    done(writer.put(body()))
    assert noted == [0]
    (known,) = shelf.known.values()
    assert (known.closed, known.final_seq) == (None, None)


def test_an_event_after_the_end_begins_another_stream(writer: Writer, shelf: Shelf) -> None:
    for _ in range(3):
        done(writer.put(body()))
        assert writer.close(LONG)
    assert [actions(rows) for rows in sound(shelf.rows.values()).values()] == [
        ["stream.open", "orders.refund", "stream.close"]
    ] * 3
    assert shelf.closed == 3


def test_a_writer_without_events_writes_nothing(writer: Writer, shelf: Shelf) -> None:
    assert writer.flush(LONG)
    assert writer.close(LONG)
    assert (shelf.asked, shelf.rows) == (0, {})


def test_a_stream_names_the_last_checkpoint(make: Make, shelf: Shelf) -> None:
    shelf.checked = [Checkpoint(n, n, b"{}", bytes([n]) * 32, None, None) for n in range(3)]
    done(make().put(body()))
    assert shelf.bodies()[0]["checkpoint"] == "02" * 32


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 9, 100, 5000])
def test_the_last_of_many_checkpoints_is_found_in_a_few_steps(shelf: Shelf, count: int) -> None:
    shelf.checked = [Checkpoint(n, n, b"{}", n.to_bytes(32, "big"), None, None) for n in range(10, 10 + count)]
    assert last_checkpoint(shelf) == (shelf.checked[-1].digest if count else None)
    assert shelf.sought < 30


def test_what_gathers_during_a_commit_is_one_batch(writer: Writer, shelf: Shelf) -> None:
    done(writer.put(body("first")))
    shelf.wait(lambda: shelf.known)
    shelf.hang()
    before = shelf.asked
    acks = [writer.put(body("second"))]
    shelf.wait(lambda: shelf.asked > before)
    acks += [writer.put(body(f"third {number}")) for number in range(100)]
    shelf.go_on()
    for ack in acks:
        done(ack)
    assert [len(rows) for rows in shelf.batches if "third 0" in actions(rows)] == [100]


def test_a_batch_is_bounded(make: Make, shelf: Shelf) -> None:
    writer = make(deadline=LONG)
    done(writer.put(body()))
    shelf.hang()
    acks = [writer.put(body(reason="x" * 100_000)) for _ in range(40)] + [writer.put(body()) for _ in range(2000)]
    shelf.go_on()
    for ack in acks:
        done(ack)
    assert max(map(len, shelf.batches)) <= 512
    assert max(sum(len(row.body) for row in rows) for rows in shelf.batches) <= 1 << 20
    sound(shelf.rows.values())


def test_an_event_of_a_mebibyte_arrives(writer: Writer, shelf: Shelf) -> None:
    done(writer.put(body(reason="x" * 1_048_576), b'"' + b"y" * 1_048_576 + b'"'))
    assert len(shelf.bodies()[1]["reason"]) == 1_048_576
    sound(shelf.rows.values())


def test_detail_is_bound_by_its_digest(writer: Writer, shelf: Shelf) -> None:
    done(writer.put(body(), b'{"ua":"curl"}'))
    done(writer.put(body(), b'{"ua":"curl"}'))
    rows = [row for row in shelf.rows.values() if row.detail is not None]
    digests = {said["detail_digest"] for said in shelf.bodies() if "detail_digest" in said}
    assert digests == {sha256((row.salt or b"") + b'{"ua":"curl"}').hexdigest() for row in rows}
    assert len(digests) == 2  # Equal details do not look equal.
    assert {len(row.salt or b"") for row in rows} == {16}


def test_an_event_that_cannot_be_encoded_is_counted_and_recorded(writer: Writer, shelf: Shelf) -> None:
    ack = writer.put(body(reason=object()))
    assert ack is not None
    with pytest.raises(Lost, match="cannot be encoded"):
        ack.result(LONG)
    assert writer.state().dropped == {"durable": 1}
    shelf.wait(lambda: "audit.gap" in actions(shelf.rows.values()))
    gap = shelf.bodies()[-1]
    assert (gap["class"], gap["count"], gap["reason"]) == ("durable", 1, "the event cannot be encoded")
    assert gap["outcome"] == "failure"
    assert gap["from"] == gap["to"]


def test_threads_and_tasks_are_acknowledged(writer: Writer, shelf: Shelf) -> None:
    async def one(number: int) -> None:
        ack = writer.put(body(f"task {number}"))
        assert ack is not None
        await asyncio.wrap_future(ack)
        assert f"task {number}" in actions(shelf.rows.values())

    async def all_of_them() -> None:
        await asyncio.gather(*map(one, range(50)))

    def another(number: int) -> None:
        done(writer.put(body(f"thread {number}")))

    threads = [threading.Thread(target=another, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    asyncio.run(all_of_them())
    for thread in threads:
        thread.join(LONG)
    assert len([action for action in actions(shelf.rows.values()) if action.startswith("t")]) == 70
    sound(shelf.rows.values())


def test_whoever_gives_up_waiting_disturbs_nobody(writer: Writer, shelf: Shelf) -> None:
    done(writer.put(body()))
    shelf.hang()
    acks = [writer.put(body("given up")), writer.put(body())]
    assert acks[0] is not None
    assert acks[0].cancel()
    shelf.go_on()
    done(acks[1])
    assert "given up" in actions(shelf.rows.values())


def test_a_clock_that_is_set_back_is_recorded(make: Make, shelf: Shelf) -> None:
    now = [10**18]
    writer = make(clock=lambda: now[0])
    done(writer.put(body()))
    now[0] -= 100_000_000
    done(writer.put(body()))
    assert "audit.clock_step" not in actions(shelf.rows.values())
    now[0] -= 3_600_000_000_000
    done(writer.put(body()))
    done(writer.put(body()))
    (step,) = [said for said in shelf.bodies() if said["action"] == "audit.clock_step"]
    assert (step["from"], step["to"]) == ("2001-09-09T01:46:40.000000Z", "2001-09-09T00:46:39.900000Z")
    sound(shelf.rows.values())


def test_a_place_that_another_event_has_is_an_alarm_and_a_new_stream(
    writer: Writer, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    done(writer.put(body()))
    forged = shelf.rows[next(iter(shelf.rows))[0], 1]._replace(seq=2, chain=bytes(32))
    shelf.rows[forged.stream, 2] = forged
    ack = writer.put(body("pushed out"))
    assert ack is not None
    with pytest.raises(Lost, match="another event has its place"):
        ack.result(LONG)
    done(writer.put(body("next")))
    assert "somebody else writes into a stream" in caplog.text
    shelf.wait(lambda: "audit.gap" in actions(shelf.rows.values()))
    ours = [row for row in shelf.rows.values() if row.stream != forged.stream]
    assert sorted(actions(ours)) == ["audit.gap", "next", "stream.open"]
    assert sound(ours)
    assert writer.state().dropped == {"unknown": 1}


def test_a_collision_is_not_an_error_of_the_store(writer: Writer, shelf: Shelf) -> None:
    done(writer.put(body()))
    last = max(shelf.rows.values(), key=lambda row: row.seq)
    shelf.rows[last.stream, last.seq + 1] = last._replace(seq=last.seq + 1, body=b"{}", chain=bytes(32))
    ack = writer.put(body())
    assert ack is not None
    with pytest.raises(Lost):
        ack.result(LONG)
    done(writer.put(body()))
    assert writer.state().errors == 0


def test_its_state_is_at_hand(writer: Writer) -> None:
    fresh = writer.state()
    assert (fresh.items, fresh.bytes, fresh.spill_bytes, fresh.dropped) == (0, 0, 0, {})
    assert fresh.last_commit_age is None
    assert fresh.strict
    done(writer.put(body()))
    later = writer.state()
    assert later.last_commit_age is not None
    assert (later.stored, later.spilled, later.errors, later.failing_for) == (2, 0, 0, None)


def test_an_observer_of_the_acknowledgement_that_fails_stops_nothing(
    writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_ack: Any) -> None:
        raise ValueError("mine")

    ack = writer.put(body())
    assert ack is not None
    ack.add_done_callback(fails)
    done(writer.put(body()))
