"""The writer with a store that hangs, fails and comes back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from midwatch.audit.stores.store import StoreError
from midwatch.audit.writer import SHARES, Lost, Rank, Writer, committer, sequencer, standing
from midwatch.audit.writer.losses import Losses

from .shelf import DOWN, LONG, SERVICE, Shelf, actions, body, restore, sound

if TYPE_CHECKING:
    from midwatch.audit.writer.item import Item

Make = Callable[..., Writer]


def done(ack: Future[None] | None) -> None:
    assert ack is not None
    ack.result(LONG)


def refused(ack: Future[None] | None, why: str = "does not take") -> None:
    assert ack is not None
    with pytest.raises(Lost, match=why):
        ack.result(LONG)


def hanging(writer: Writer, shelf: Shelf) -> None:
    """Have the store hang with a batch in its hands."""
    done(writer.put(body("before")))
    shelf.wait(lambda: shelf.known)
    before = shelf.asked
    shelf.hang()
    writer.put(body("in its hands"), None, "async")
    shelf.wait(lambda: shelf.asked > before)


def test_what_the_store_does_not_take_in_time_is_durable_on_disk(writer: Writer, shelf: Shelf, folder: Path) -> None:
    hanging(writer, shelf)
    done(writer.put(body("late")))
    assert "late" not in actions(shelf.rows.values())
    (part,) = folder.glob("*.spill")
    assert b"late" in part.read_bytes()
    assert b"in its hands" in part.read_bytes()
    assert (part.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert writer.state().spill_bytes == part.stat().st_size
    shelf.go_on()
    assert writer.flush(LONG)
    assert actions(shelf.rows.values())[-2:] == ["in its hands", "late"]
    sound(shelf.rows.values())
    assert writer.state().spill_bytes == 0
    assert not [*folder.glob("*.spill")]


def test_an_event_that_insists_on_the_store_waits_for_it(make: Make, shelf: Shelf) -> None:
    writer = make(deadline=0.05)
    hanging(writer, shelf)
    strict = writer.put(body("strict"), None, "strict")
    done(writer.put(body("durable")))
    assert strict is not None
    assert not strict.done()
    shelf.go_on()
    done(strict)
    assert "strict" in actions(shelf.rows.values())


def test_an_event_that_insists_on_a_store_that_fails_is_refused_and_kept(make: Make, shelf: Shelf) -> None:
    writer = make(deadline=0.05)
    done(writer.put(body()))
    shelf.fail(DOWN)
    refused(writer.put(body("first"), None, "strict"))
    refused(writer.put(body("second"), None, "strict"))
    assert writer.state().strict is False
    assert writer.state().failing_for is not None
    restore(writer, shelf)
    done(writer.put(body("third"), None, "strict"))
    assert actions(shelf.rows.values())[-3:] == ["first", "second", "third"]
    assert writer.state().strict


def test_a_store_that_does_not_answer_counts_as_failing(
    make: Make, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "HANGS", 0.1)
    writer = make(deadline=0.05)
    hanging(writer, shelf)
    refused(writer.put(body(), None, "strict"))
    failing_for = writer.state().failing_for
    assert failing_for is not None
    assert failing_for > 0.1
    done(writer.put(body()))
    monkeypatch.setattr(standing, "HANGS", LONG)
    shelf.go_on()
    done(writer.put(body()))
    assert writer.flush(LONG)
    done(writer.put(body(), None, "strict"))


def test_a_store_that_cannot_be_opened_stops_nobody(make: Make, shelf: Shelf) -> None:
    shelf.fail(DOWN)
    writer = make(deadline=0.05)
    done(writer.put(body("durable")))
    refused(writer.put(body("strict"), None, "strict"))
    assert shelf.rows == {}
    restore(writer, shelf)
    shelf.wait(lambda: len(shelf.rows) == 3)
    assert actions(shelf.rows.values()) == ["stream.open", "durable", "strict"]


def test_events_keep_their_order_over_an_outage(make: Make, shelf: Shelf) -> None:
    writer = make(deadline=0.02)
    for number in range(300):
        if number == 100:
            shelf.fail(DOWN)
        if number == 200:
            shelf.fail(None)
        done(writer.put(body(str(number))))
    restore(writer, shelf)
    assert writer.close(LONG)
    assert actions(shelf.rows.values()) == ["stream.open", *map(str, range(300)), "stream.close"]
    assert list(shelf.rows.values()) == sorted(shelf.rows.values(), key=lambda row: row.seq)
    sound(shelf.rows.values())
    (known,) = shelf.known.values()
    assert known.final_seq == 301


def test_an_event_for_the_store_alone_comes_behind_those_on_disk(make: Make, shelf: Shelf) -> None:
    writer = make(deadline=0.02)
    done(writer.put(body()))
    shelf.fail(DOWN)
    for number in range(100):
        done(writer.put(body(str(number))))
    assert writer.state().spilled >= 100
    restore(writer, shelf)
    strict = writer.put(body("strict"), None, "strict")
    done(strict)
    assert actions(shelf.rows.values())[-1] == "strict"


def test_without_a_directory_it_waits_in_memory(make: Make, shelf: Shelf) -> None:
    writer = make(spill=None, deadline=0.02)
    done(writer.put(body()))
    shelf.fail(DOWN)
    acks = [writer.put(body(str(number))) for number in range(10)]
    refused(writer.put(body("strict"), None, "strict"))
    assert not any(ack and ack.done() for ack in acks)
    shelf.fail(None)
    for ack in acks:
        done(ack)
    sound(shelf.rows.values())


def test_a_directory_that_cannot_be_written_is_no_place(
    make: Make, shelf: Shelf, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    writer = make(spill=tmp_path / "file" / "spill", deadline=0.02)
    done(writer.put(body()))
    shelf.hang()
    acks = [writer.put(body(str(number))) for number in range(10)]
    assert acks[0] is not None
    with pytest.raises(TimeoutError):
        acks[0].result(0.2)
    assert writer.state().spill_errors
    assert "the spill cannot be written" in caplog.text
    assert str(tmp_path) not in caplog.text
    shelf.go_on()
    for ack in acks:
        done(ack)
    sound(shelf.rows.values())


def test_both_fail_for_a_while_and_nothing_is_lost(
    make: Make, shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer, "PAUSE", 0.05)
    (tmp_path / "file").write_text("")
    writer = make(spill=tmp_path / "file" / "spill", deadline=0.02)
    done(writer.put(body()))
    shelf.fail(DOWN)
    acks = [writer.put(body(str(number))) for number in range(1000)]
    assert acks[-1] is not None
    with pytest.raises(TimeoutError):
        acks[-1].result(0.2)
    (tmp_path / "file").unlink()
    done(acks[-1])
    restore(writer, shelf)
    assert writer.close(LONG)
    assert actions(shelf.rows.values())[2:] == [*map(str, range(1000)), "stream.close"]
    sound(shelf.rows.values())


def test_a_failing_store_is_one_line_a_minute(make: Make, shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    writer = make(deadline=0.02)
    done(writer.put(body()))
    shelf.fail(StoreError("shelf: down\nsecond line"))
    for _ in range(20):
        done(writer.put(body()))
    shelf.wait(lambda: writer.state().errors >= 2)
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert lines == ["audit trail: the store fails (1 times since last told): shelf: down second line"]


def test_what_drivers_say_is_not_repeated(make: Make, shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    writer = make(deadline=0.02)
    done(writer.put(body()))
    shelf.fail(RuntimeError("postgresql://me:secret@db"))
    done(writer.put(body()))
    shelf.wait(lambda: writer.state().errors)
    assert "secret" not in caplog.text
    assert "RuntimeError" in caplog.text


def test_a_store_that_fails_repeatedly_is_opened_again(make: Make, shelf: Shelf) -> None:
    writer = make(deadline=0.02)
    done(writer.put(body()))
    opened = shelf.opened
    shelf.fail(DOWN)
    done(writer.put(body()))
    shelf.wait(lambda: writer.state().errors >= 2)
    restore(writer, shelf)
    assert shelf.opened == opened + 1


def test_the_end_does_not_wait_for_ever_and_the_rest_is_on_disk(make: Make, shelf: Shelf, folder: Path) -> None:
    writer = make(deadline=0.02)
    hanging(writer, shelf)
    writer.put(body("last"), None, "async")
    assert writer.close(0.4)
    (part,) = folder.glob("*.spill")
    data = part.read_bytes()
    assert data.index(b"in its hands") < data.index(b"last") < data.index(b"stream.close")


def test_the_end_with_a_store_that_hangs_and_no_disk_says_so(make: Make, shelf: Shelf) -> None:
    writer = make(spill=None, deadline=0.02)
    hanging(writer, shelf)
    assert not writer.close(0.3)


def test_a_flush_with_a_store_that_hangs_ends_on_disk(make: Make, shelf: Shelf) -> None:
    writer = make(deadline=0.02)
    hanging(writer, shelf)
    ack = writer.put(body())
    assert writer.flush(0.4)
    assert ack is not None
    assert ack.done()


@pytest.mark.parametrize("how", ["deleted", "deleted before it is read", "overwritten"])
def test_a_file_that_somebody_destroys_is_a_loss_that_is_recorded(
    make: Make, shelf: Shelf, folder: Path, how: str
) -> None:
    writer = make(deadline=0.02)
    done(writer.put(body()))
    shelf.fail(DOWN)
    done(writer.put(body("gone")))
    (path,) = folder.glob("*.spill")
    if how == "overwritten":
        path.write_bytes(b"x" * path.stat().st_size)
    else:
        path.unlink()
    if how == "deleted":
        done(writer.put(body("kept")))
    restore(writer, shelf)
    assert writer.close(LONG)
    found = shelf.bodies()
    assert ("kept" in [said["action"] for said in found]) == (how == "deleted")
    (gap,) = [said for said in found if said["action"] == "audit.gap"]
    assert (gap["class"], gap["count"], gap["reason"]) == ("unknown", 1, "the spill was damaged")
    assert writer.state().dropped == {"unknown": 1}
    assert sorted({said["seq"] for said in found}) == [n for n in range(found[-1]["seq"] + 1) if n != 2]


RANKS = {rank: rank.name.lower() for rank in Rank}


def test_a_full_queue_drops_the_lowest_first_and_says_so(make: Make, shelf: Shelf) -> None:
    writer = make(spill=None, max_items=100)
    hanging(writer, shelf)
    before = {rank: [writer.put(body(RANKS[rank]), None, "durable", rank) for _ in range(60)] for rank in Rank}
    lost = {rank: sum(ack is not None and ack.done() for ack in acks) for rank, acks in before.items()}
    assert lost == {Rank.READ: 10, Rank.WRITE: 40, Rank.DURABLE: 45, Rank.SECURITY: 45}
    refused(before[Rank.READ][-1], "the queue is full")
    assert writer.state().dropped == {RANKS[rank]: count for rank, count in lost.items()}
    shelf.go_on()
    assert writer.close(LONG)
    gaps = {said["class"]: said["count"] for said in shelf.bodies() if said["action"] == "audit.gap"}
    assert gaps == {RANKS[rank]: count for rank, count in lost.items()}
    found = actions(shelf.rows.values())
    assert {rank: 60 - found.count(RANKS[rank]) for rank in Rank} == lost
    sound(shelf.rows.values())


def test_refusals_are_kept_however_many_reads_there_are(make: Make, shelf: Shelf) -> None:
    writer = make(spill=None, max_bytes=1 << 20)
    hanging(writer, shelf)
    for _ in range(2000):
        writer.put(body(reason="x" * 1000), None, "async", Rank.READ)
    assert writer.state().bytes <= (1 << 20) * SHARES[Rank.READ]
    ack = writer.put(body("denied"), None, "durable", Rank.SECURITY)
    assert ack is not None
    assert not ack.done()
    shelf.go_on()
    done(ack)


def test_a_full_spill_drops_the_lowest_first_and_says_so(make: Make, shelf: Shelf, folder: Path) -> None:
    limit = 400_000
    writer = make(deadline=0.01, spill_bytes=limit, max_items=200)
    done(writer.put(body()))
    shelf.fail(DOWN)
    put = dict.fromkeys(Rank, 0)
    for _ in range(8):
        for rank in Rank:
            for _ in range(20):
                put[rank] += 1
                writer.put(body(RANKS[rank], reason="x" * 1000), None, "async", rank)
            writer.flush(0.05)
    assert writer.state().spill_bytes <= limit
    restore(writer, shelf)
    assert writer.close(LONG)
    found, dropped = actions(shelf.rows.values()), writer.state().dropped
    gaps = dict.fromkeys(RANKS.values(), 0)
    for said in shelf.bodies():
        if said["action"] == "audit.gap":
            gaps[said["class"]] += said["count"]
    assert {rank: put[rank] - found.count(RANKS[rank]) for rank in Rank} == {rank: gaps[RANKS[rank]] for rank in Rank}
    assert dropped == {rank: count for rank, count in gaps.items() if count}
    assert dropped["read"] > dropped["write"] >= dropped.get("durable", 0) >= dropped.get("security", 0)
    sound(shelf.rows.values())


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_happens_each_event_is_there_or_counted(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shelf = Shelf()
    spill = tmp_path_factory.mktemp("spill") if data.draw(st.booleans()) else None
    writer = Writer(shelf, service=SERVICE, spill=spill, deadline=0.005, max_items=60, spill_bytes=60_000)
    steps = st.sampled_from(["put", "put", "put", "hang", "go on", "down", "up", "flush", "close"])
    acks, put = [], 0
    try:
        for step in data.draw(st.lists(steps, max_size=25)):
            if step == "put":
                mode, rank = (
                    data.draw(st.sampled_from(["strict", "durable", "async"])),
                    data.draw(st.sampled_from(Rank)),
                )
                for _ in range(10):
                    put += 1
                    acks.append((str(put), writer.put(body(str(put)), b"{}", mode, rank)))  # type: ignore[arg-type]
            elif step in ("down", "up"):
                shelf.fail(DOWN if step == "down" else None)
            elif step in ("hang", "go on"):
                shelf.hang() if step == "hang" else shelf.go_on()
            elif step == "flush":
                writer.flush(0.05)
            else:
                writer.close(0.05)
    finally:
        shelf.go_on()
        put += 1  # A closed writer tries nothing.
        acks.append((str(put), writer.put(body(str(put)))))
        restore(writer, shelf)
        assert writer.close(LONG)
    found = [action for action in actions(shelf.rows.values()) if action.isdecimal()]
    assert len(found) == len(set(found))
    for number, ack in acks:
        if ack is not None and ack.exception(LONG) is None:
            assert number in found
    recorded = sum(said["count"] for said in shelf.bodies() if said["action"] == "audit.gap")
    assert put - len(found) == recorded == sum(writer.state().dropped.values())
    for rows in sound(shelf.rows.values()).values():
        known = shelf.known[rows[0].stream]
        assert (known.final_seq, known.final_chain) == (rows[-1].seq, rows[-1].chain)


def test_losses_add_up_whoever_counts_them() -> None:
    losses = Losses()

    def lose() -> None:
        for _ in range(1000):
            losses.add("read", "why", 1)

    threads = [threading.Thread(target=lose) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert losses.due(0.0) == 0.0
    (gap,) = losses.take(100.0)
    assert gap.events == losses.dropped["read"] == 4000
    assert losses.due(100.0) is None
    losses.add("read", "why", 2)
    assert losses.due(100.5) == pytest.approx(0.5)


def test_a_sign_of_life_is_given_while_nothing_happens(
    make: Make, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    from midwatch.audit.writer import streams

    monkeypatch.setattr(streams, "BEAT", 0.02)
    writer = make()
    done(writer.put(body()))
    shelf.wait(lambda: shelf.known)
    (known,) = shelf.known.values()
    shelf.wait(lambda: next(iter(shelf.known.values())).last_seen > known.last_seen)
    assert next(iter(shelf.known.values())).closed is None
    assert committer.LOOK_EVERY > 1


def test_the_end_does_not_raise_though_it_is_refused(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the marker of a flush waits for may be lost: then the answer is no."""
    writer = make()
    done(writer.put(body("before")))

    def lose(item: Item) -> None:
        assert item.ack is not None
        item.ack.set_exception(Lost("the store does not take it"))

    monkeypatch.setattr(writer._intake, "mark", lose)
    assert writer.flush(LONG) is False
    assert writer.close(1.0) is False
    monkeypatch.undo()
    assert writer.close(LONG)
