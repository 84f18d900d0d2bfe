"""Full spills, full disks, damaged files, odd lines: counted, told, and in nobody's way."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.delivery import Channel, channels, losses
from midwatch.delivery import channel as channel_module
from midwatch.delivery import detour as module
from midwatch.delivery.spilling import spilling
from midwatch.destinations import Entry

LONG = 30.0


def test_a_full_spill_drops_the_newest(rig: Any, small: None, caplog: pytest.LogCaptureFixture) -> None:
    """They are counted, and it is said why."""
    one = rig(max_bytes=2000)
    one.down()
    one.put(*range(200))
    one.step()
    assert one.spill.bytes <= 2000
    kept = 4 + one.spill.count
    assert one.totals == (kept, 0, 200 - kept)
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
    assert one.totals == (120, 0, 0)
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
    assert one.totals == (0, 100, 0)


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
    assert one.totals == (52, 0, 0)
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
