"""The end of a process, flushes and heirs: what could not be sent is written down, and sent by the next."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midwatch.delivery import Channel, channels, figures, flush, segment, spilled
from midwatch.delivery import detour as module
from midwatch.delivery.spilling import spilling
from midwatch.destinations import Entry

if TYPE_CHECKING:
    import pytest

LONG = 30.0


def test_the_end_writes_everything_down_in_order(rig: Any, small: None) -> None:
    """What is in doubt, what is being sent, what is queued before and behind the disk: the next process has it."""
    one = rig(batch=2)
    one.down()
    one.put(*range(30))
    one.step()
    one.network.step()
    one.put(*range(30, 40))
    one.channel.save()
    assert one.totals == (40, 0, 0)
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
    assert one.totals == (0, 21, 0)


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
