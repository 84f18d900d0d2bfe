"""Two channels and a spill: nothing lost, nothing twice but after a crash, in order, each line counted once."""

from __future__ import annotations

import logging
import os
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.delivery import Refused, figures
from midwatch.delivery import channel as channel_module
from midwatch.delivery import detour as module

from .conftest import Rig

LONG = 30.0


def test_a_network_that_is_up_needs_no_disk(rig: Any) -> None:
    up = rig()
    up.put(*range(1000))
    up.step()
    assert up.arrived == list(range(1000))
    assert list(up.folder.iterdir()) == []
    assert up.totals == (0, 1000, 0)


def test_what_has_no_room_waits_on_disk(rig: Any, small: None) -> None:
    """And follows in order, before what comes later."""
    one = rig()
    one.down()
    one.put(*range(100))
    one.step()
    assert one.network.pending == module.ROOM
    assert one.spill.count == 100 - module.ROOM
    assert one.totals == (100, 0, 0)
    one.up()
    one.put(*range(100, 110))
    one.step()
    assert one.arrived == list(range(110))
    assert one.totals == (0, 110, 0)
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
    assert one.totals == (0, 0, 20)
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


# Memory


@pytest.mark.no_cover  # Others cover what it does; tracing would double its time.
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
    assert sum(one.totals) == 60_000


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


def test_what_a_network_that_fails_has_in_memory_goes_to_disk(rig: Any) -> None:
    """So that a process which is killed during an outage has lost none of it; it is still sent first."""
    one = rig()
    one.put(1, 2, 3)
    one.channel.step()
    assert (one.network.pending, one.files) == (3, [])
    one.down()
    assert one.channel._detour.exposed
    one.channel.step()
    one.put(4)
    one.channel.step()
    assert not one.channel._detour.exposed
    other = rig()  # who finds what a killed process has left
    one.die()
    other.channel._detour._looked_at = -1e9
    other.step()
    assert other.arrived == [1, 2, 3, 4]
