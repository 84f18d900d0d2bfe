"""Two channels and a spill: nothing lost, nothing twice but after a crash, in order, each line counted once."""

from __future__ import annotations

import errno
import logging
import os
import tempfile
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.delivery import Channel, Refused, channels, figures, flush, losses, segment, spilled
from midwatch.delivery import channel as channel_module
from midwatch.delivery import detour as module
from midwatch.delivery.spilling import spilling
from midwatch.destinations import Entry

from .conftest import Rig

LONG = 30.0


def totals(rig: Any) -> tuple[int, int, int]:
    (found,) = figures([rig.channel, rig.network]).values()
    return found


# In order, once


def test_a_network_that_is_up_needs_no_disk(rig: Any) -> None:
    up = rig()
    up.put(*range(1000))
    up.step()
    assert up.arrived == list(range(1000))
    assert list(up.folder.iterdir()) == []
    assert totals(up) == (0, 1000, 0)


def test_what_has_no_room_waits_on_disk(rig: Any, small: None) -> None:
    """And follows in order, before what comes later."""
    one = rig()
    one.down()
    one.put(*range(100))
    one.step()
    assert one.network.pending == module.ROOM
    assert one.spill.count == 100 - module.ROOM
    assert totals(one) == (100, 0, 0)
    one.up()
    one.put(*range(100, 110))
    one.step()
    assert one.arrived == list(range(110))
    assert totals(one) == (0, 110, 0)
    assert list(one.folder.iterdir()) == []


def test_room_that_comes_in_between_changes_no_order(rig: Any, small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network's worker makes it whenever it wants to: nothing goes past what waits on disk."""
    one = rig()
    one.down()
    one.put(*range(20))
    one.step()
    one.put(20)
    room = iter([False])
    with monkeypatch.context() as patch:
        patch.setattr(module.Detour, "_room", lambda self: next(room, True))
        one.channel.step()
    one.up()
    one.step()
    assert one.arrived == list(range(21))


def test_bytes_in_memory_are_bounded_too(rig: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOM_BYTES", 10_000)
    one = rig()
    one.down()
    one.put(*range(100), length=1000)
    one.step()
    assert one.network.pending == 10
    one.up()
    one.step()
    assert one.arrived == list(range(100))


def test_a_file_is_kept_until_all_of_it_has_arrived(rig: Any, small: None) -> None:
    """Also where the destination is not sure yet: what it may send again after a crash is still there."""

    class Unsure:
        held = 0

        def unsettled(self) -> int:
            return self.held

        def settle(self, *, hurry: bool) -> bool:
            return False

        def give_up(self) -> list[Any]:
            return []

        def forget(self) -> None: ...

    keeper = Unsure()
    one = rig(keeper=keeper)
    one.down()
    one.put(*range(20))
    one.step()
    before = len(one.files)
    assert before > 2
    one.up()
    keeper.held = 20
    one.network.step()
    one.channel.step()
    one.step()
    assert len(one.files) == before
    keeper.held = 0
    one.step()
    assert one.arrived == list(range(20))
    assert one.files == []


def test_what_is_refused_is_over(rig: Any, small: None) -> None:
    """A destination that will never take a line does not keep its file for ever."""
    one = rig()
    one.down()
    one.put(*range(20))
    one.step()
    one.error = Refused("no")
    for _ in range(100):
        one.network.hurry()
        one.network.step()
        one.channel.step()
    assert totals(one) == (0, 0, 20)
    assert one.files == []


def test_a_network_that_is_down_for_long_is_not_given_up(rig: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(channel_module, "monotonic", lambda: now)
    one = rig(give_up=10)
    one.put(1)
    one.error = OSError("down")
    one.channel.step()
    for _ in range(100):
        one.network.step()
        now += 3600
    one.up()
    one.step()
    assert one.arrived == [1]


STEPS = st.tuples(st.sampled_from(["put", "up", "down", "here", "there", "save", "die"]), st.integers(1, 30))


@settings(deadline=None, max_examples=300)
@given(st.lists(STEPS, max_size=40))
def test_nothing_is_lost_and_order_is_kept(steps: list[tuple[str, int]]) -> None:
    """
    Whatever happens when, and however small memory is.

    What dies has what it had in memory; what was on disk arrives, some of it twice.
    """
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ROOM", 4)
        patch.setattr(module, "LOOK_EVERY", 0.0)
        patch.setattr("midwatch.delivery.spill.SEGMENT", 300)
        patch.setattr(os, "fsync", lambda fd: None)
        one = Rig(Path(folder), batch=3)
        number, died, arrived = 0, False, []
        safe: set[int] = set()
        for step, count in steps:
            if step == "put":
                one.put(*range(number, number + count))
                number += count
            elif step == "up":
                one.up()
            elif step == "down":
                one.down()
            elif step == "here":
                one.channel.hurry()
                one.channel.step()
            elif step == "there":
                one.network.hurry()
                one.network.step()
            elif step == "save":
                one.channel.save()
                assert one.network.pending == 0
                safe = set(range(number)) if not died else safe
            else:
                died = True
                one.die()
                arrived += one.arrived
                one = Rig(Path(folder), batch=3)
        if not died:
            (total,) = figures([one.channel, one.network]).values()
            assert (total.pending + total.sent, total.dropped) == (number, 0)
        one.up()
        one.step()
        arrived += one.arrived
        one.die()
        firsts = list(dict.fromkeys(arrived))
        assert firsts == sorted(firsts)
        assert safe <= set(firsts)
        if not died:
            assert arrived == list(range(number))
        assert list(Path(folder).iterdir()) == []


# The end of a process


def test_the_end_writes_everything_down_in_order(rig: Any, small: None) -> None:
    """What is in doubt, what is being sent, what is queued before and behind the disk: the next process has it."""
    one = rig(batch=2)
    one.down()
    one.put(*range(30))
    one.step()
    one.network.step()
    one.put(*range(30, 40))
    one.channel.save()
    assert totals(one) == (40, 0, 0)
    assert one.spill.count == 40
    one.die()
    two = rig()
    two.put(40, 41)
    two.step()
    assert two.arrived == list(range(42))
    assert list(two.folder.iterdir()) == []


def test_the_end_has_it_on_the_disk_itself(rig: Any, small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file that it writes, and the folder."""
    synced: set[Path] = set()
    sync = os.fsync

    def seen(fd: int) -> None:
        synced.add(Path(f"/proc/self/fd/{fd}").readlink())
        sync(fd)

    monkeypatch.setattr(os, "fsync", seen)
    one = rig()
    one.down()
    one.put(*range(12))
    one.channel.save()
    assert len(one.files) > 0
    one.put(*range(12, 14))
    one.channel.save()
    assert {one.folder, one.files[-1]} <= synced


def test_the_end_may_come_twice_and_be_none(rig: Any, small: None) -> None:
    """As where a server stops before the process does, or starts again."""
    one = rig()
    one.down()
    one.put(*range(20))
    one.channel.save()
    one.channel.save()
    one.step()
    one.put(20)
    one.channel.save()
    one.channel.save()
    one.up()
    one.step()
    assert one.arrived == list(range(21))
    assert totals(one) == (0, 21, 0)


def test_the_end_of_who_has_nothing_writes_nothing(rig: Any) -> None:
    one = rig()
    one.put(1)
    one.step()
    one.channel.save()
    assert list(one.folder.iterdir()) == []


def test_a_file_is_not_sent_twice_after_an_orderly_end(rig: Any, small: None) -> None:
    """It was half sent: the other half is written down in its place."""
    one = rig(batch=1)
    one.down()
    one.put(*range(30))
    one.step()
    one.up()
    for _ in range(10):
        one.network.hurry()
        one.network.step()
        one.channel.step()
    assert 0 < len(one.arrived) < 30
    one.channel.save()
    one.die()
    two = rig()
    two.step()
    assert one.arrived + two.arrived == list(range(30))


def test_a_sender_that_hangs_keeps_nothing_from_the_disk(tmp_path: Path) -> None:
    """Nor a request, nor the end of the process: also what it is sending is written down."""
    hangs, goes_on = threading.Event(), threading.Event()

    def hang(batch: list[Entry]) -> None:
        hangs.set()
        assert goes_on.wait(LONG)

    network: Channel[Any] = Channel("hanging", hang, apart=True)
    one = spilling(network, tmp_path, 64 << 20)
    try:
        one.put(Entry(1.0, "INFO", "a", "0"), 1)
        assert hangs.wait(LONG)
        for number in range(1, 10_000):
            one.put(Entry(1.0, "INFO", "a", str(number)), 5)
        assert flush(0.5) is False
        found = [*tmp_path.glob("*.spill")]
        texts = [entry.text for path in sorted(found) for entry in _entries(path)]
        assert texts == [str(number) for number in range(10_000)]
    finally:
        goes_on.set()
    assert flush(LONG)
    assert list(tmp_path.iterdir()) == []


def _entries(path: Path) -> list[Entry]:
    contents, damaged = segment.Segment(path).read()
    assert not damaged
    return [module._decode(content) for content in contents]


def test_flush_sends_what_waits_on_disk(tmp_path: Path) -> None:
    """By real workers: down, up, and down again."""
    arrived: list[int] = []
    down = threading.Event()

    def deliver(batch: list[Entry]) -> None:
        if down.is_set():
            raise OSError("down")
        arrived.extend(int(entry.text) for entry in batch)

    network: Channel[Any] = Channel("flushed", deliver, apart=True)
    one = spilling(network, tmp_path, 64 << 20)
    for round_ in range(3):
        down.set()
        for number in range(6000):
            one.put(Entry(1.0, "INFO", "a", str(6000 * round_ + number)), 5)
        assert flush(0.2) is False
        assert spilled(channels)["flushed"] > 0
        down.clear()
        assert flush(LONG)
    assert arrived == list(range(18_000))
    assert figures(channels)["flushed"] == (0, 18_000, 0)
    assert spilled(channels)["flushed"] == 0


# What goes wrong


def test_a_full_spill_drops_the_newest(rig: Any, small: None, caplog: pytest.LogCaptureFixture) -> None:
    """They are counted, and it is said why."""
    one = rig(max_bytes=2000)
    one.down()
    one.put(*range(200))
    one.step()
    assert one.spill.bytes <= 2000
    kept = 4 + one.spill.count
    assert totals(one) == (kept, 0, 200 - kept)
    one.channel.report_drops()
    assert [record.getMessage() for record in caplog.records][-1].endswith("the spill is full")
    one.up()
    one.step()
    assert one.arrived == list(range(kept))
    one.put(1000)
    one.step()
    assert one.arrived[-1] == 1000


def test_a_full_disk_is_tried_again(
    rig: Any, small: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Lines wait in memory for it, as many as fit; it is said once a minute; nothing that fits is lost."""
    now = 1000.0
    monkeypatch.setattr(channel_module, "monotonic", lambda: now)
    one = rig()
    one.down()
    caplog.clear()

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        for number in range(120):
            one.put(number)
            one.channel.step()
            now += 1
    told = [record.getMessage() for record in caplog.records if "No space" in record.getMessage()]
    assert len(told) == 2
    assert totals(one) == (120, 0, 0)
    one.step()
    assert one.spill.count > 100
    one.up()
    one.step()
    assert one.arrived == list(range(120))


def test_a_full_disk_does_not_hold_the_network_up(rig: Any, small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on disk already goes on, and what could not be written follows it without a detour."""
    one = rig()
    one.down()
    one.put(*range(50))
    one.step()

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    one.put(*range(50, 100))
    one.channel.step()
    one.up()
    for _ in range(200):
        one.channel.hurry()
        one.channel.step()
        one.network.hurry()
        one.network.step()
    assert one.arrived == list(range(100))
    assert totals(one) == (0, 100, 0)


def test_an_end_on_a_full_disk_loses_what_is_in_memory_alone(
    rig: Any, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process may also go on: then nothing is lost."""
    one = rig()
    one.down()
    one.put(*range(50))
    one.step()
    one.put(50, 51)

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        one.channel.save()
    assert totals(one) == (52, 0, 0)
    one.up()
    one.step()
    assert one.arrived == list(range(52))


@pytest.mark.parametrize("text", ["\ud800", "a\udcffb", "\x00", "é\U0001f600", "x" * 300_000])
def test_any_text_comes_back(tmp_path: Path, text: str) -> None:
    """What no encoding can say is said in ASCII."""
    arrived: list[Entry] = []
    network: Channel[Any] = Channel("texts", arrived.extend)
    one = spilling(network, tmp_path, 64 << 20)
    channels.discard(network)
    channels.discard(one)
    before = losses.get("damaged lines of spills", 0)
    one._detour.write([Entry(1.0, "INFO", text, text, text), Entry(2.0, "INFO", "a", "b")])
    while one.step() or network.step():
        pass
    assert [entry.created for entry in arrived] == [1.0, 2.0]
    shown = text.encode("utf-8", "backslashreplace").decode()
    assert arrived[0] == Entry(1.0, "INFO", shown, shown, shown)
    assert losses.get("damaged lines of spills", 0) == before


@given(st.text(), st.text(), st.floats(allow_nan=False), st.none() | st.text())
def test_any_line_is_read_as_it_was_written(level: str, text: str, created: float, trace_id: str | None) -> None:
    entry = Entry(created, level, "app", text, trace_id, None, "01")
    assert module._decode(module._packed(entry)) == entry


@pytest.mark.parametrize("field", [5, b"bytes", object(), ["list"], float("nan"), 1 << 80])
def test_what_is_no_line_is_counted_and_skipped(tmp_path: Path, field: Any) -> None:
    """Whatever an application has set for the name of a level; those beside it arrive."""
    arrived: list[Entry] = []
    network: Channel[Any] = Channel("lines", arrived.extend)
    one = spilling(network, tmp_path, 64 << 20)
    channels.discard(network)
    channels.discard(one)
    before = losses.get("damaged lines of spills", 0)
    one._detour.write([Entry(1.0, "INFO", "a", "b"), Entry(2.0, field, "a", "b"), Entry(3.0, "INFO", "a", "b")])
    while one.step() or network.step():
        pass
    assert [entry.created for entry in arrived] == [1.0, 3.0]
    assert losses["damaged lines of spills"] - before == 1


def test_a_damaged_file_of_a_dead_process(rig: Any, small: None) -> None:
    """What is before the damage arrives, and what is in other files; the loss is counted."""
    one = rig()
    one.down()
    one.put(*range(50))
    one.step()
    one.die()
    first, *_ = one.files
    first.write_bytes(first.read_bytes()[:-3])
    before = losses.get("damaged lines of spills", 0)
    two = rig()
    two.step()
    assert losses["damaged lines of spills"] - before == 1
    assert two.arrived == [number for number in range(4, 50) if number in two.arrived]
    assert len(two.arrived) == 45
    assert list(two.folder.iterdir()) == []


def test_a_file_that_is_all_damage_goes(rig: Any) -> None:
    """It has no record at all; it is looked after nevertheless."""
    one = rig()
    one.down()
    one.channel._detour.write([one.line(1)])
    one.die()
    (path,) = one.files
    path.write_bytes(b"\x00" * 100)
    two = rig()
    assert two.channel.busy
    two.step()
    assert (two.arrived, two.channel.busy) == ([], False)
    assert list(two.folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    network: Channel[Any] = Channel("test", lambda batch: None)
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nowhere")):
        with pytest.raises(ValueError, match=f"^{folder}: "):
            spilling(network, folder, 1 << 20)


def test_one_that_dies_while_another_lives_is_inherited_later(
    rig: Any, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when new workers are started before the old ones end: it looks again, once a minute."""
    now = 1000.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    old = rig()
    old.down()
    old.put(*range(10))
    old.step()
    new = rig()
    new.put(100)
    new.step()
    assert new.arrived == [100]
    old.channel.save()
    old.die()
    now += 60
    new.put(101)
    new.step()
    assert sorted(new.arrived) == [*range(10), 100, 101]
    assert list(new.folder.iterdir()) == []


def test_it_is_busy_while_it_inherits(rig: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a flush at that moment would think that there is nothing to do."""
    old = rig()
    old.put(1)
    old.channel.save()
    old.die()
    new = rig()
    inherit = type(new.spill).inherit
    busy = []

    def seen(spill: Any) -> bool:
        busy.append(new.channel.busy)
        return bool(inherit(spill))

    monkeypatch.setattr(type(new.spill), "inherit", seen)
    new.step()
    assert (busy, new.arrived, new.channel.busy) == ([True], [1], False)


def test_two_destinations_share_a_folder(rig: Any, small: None) -> None:
    one, two = rig(name="one"), rig(name="two")
    for each in (one, two):
        each.down()
    one.put(*range(20))
    two.put(*range(100, 120))
    for each in (one, two):
        each.step()
        each.die()
    again = rig(name="two")
    again.step()
    assert again.arrived == list(range(104, 120))
    other = rig(name="one")
    other.step()
    assert other.arrived == list(range(4, 20))


# Memory


def test_memory_is_flat_while_the_network_is_down(rig: Any) -> None:
    """Full spill or not: what is in memory is what there is room for, and a batch."""
    one = rig(max_bytes=1 << 20)
    one.down()
    tracemalloc.start()
    try:
        for start in range(0, 60_000, 500):
            one.put(*range(start, start + 500), length=200)
            while one.channel.step():
                pass
            if start == 20_000:
                before = tracemalloc.get_traced_memory()[0]
        assert tracemalloc.get_traced_memory()[0] - before < 300_000
    finally:
        tracemalloc.stop()
    assert one.network.pending == module.ROOM
    assert one.spill.bytes <= 1 << 20
    assert sum(totals(one)) == 60_000


def test_a_million_bytes_wait_at_the_cost_of_none(rig: Any) -> None:
    """While the network is back, a file at a time is read."""
    one = rig(max_items=50_000)
    one.down()
    one.put(*range(15_000), length=300)
    one.step()
    peak = 0
    one.up()
    while one.channel.pending or one.network.pending:
        one.network.hurry()
        one.channel.hurry()
        one.channel.step()
        peak = max(peak, one.network.pending)
        one.network.step()
    assert one.arrived == list(range(15_000))
    assert peak < module.ROOM + 1000


def test_nobody_is_told_twice_a_minute(rig: Any, small: None, caplog: pytest.LogCaptureFixture) -> None:
    """A network that is down says so once, however much is written to disk meanwhile."""
    caplog.set_level(logging.WARNING, "midwatch.delivery")
    one = rig()
    one.down()
    for number in range(200):
        one.put(number)
        one.step()
        one.network.step()
        one.channel.report_drops()
        one.network.report_drops()
    assert len([record for record in caplog.records if record.getMessage().startswith("syslog://h")]) == 1
