"""What Midwatch itself costs: one request a second is measured, and no other pays for that."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from midwatch import Exchange, Plugin, Reply
from midwatch.metrics.live.overhead import OverheadFigures, _Sample, _Timed
from midwatch.moments import doors
from midwatch.testing import Recorder, ScriptedApp

COUNT = ("midwatch_middleware_overhead_seconds_count",)
SUM = ("midwatch_middleware_overhead_seconds_sum",)


class Slow(Plugin):
    """Takes ten milliseconds in each moment of a request."""

    def __init__(self) -> None:
        self.seen: list[type] = []

    def _wait(self, exchange: Exchange) -> None:
        self.seen.append(type(exchange.moments))
        threading.Event().wait(0.01)  # What is measured is time.

    def on_request(self, exchange: Exchange) -> None:
        self._wait(exchange)

    def on_response(self, exchange: Exchange) -> None:
        self._wait(exchange)

    def on_error(self, exchange: Exchange) -> None:
        self._wait(exchange)

    def on_finish(self, exchange: Exchange) -> None:
        self._wait(exchange)


@pytest.fixture(autouse=True)
def _no_doors() -> None:
    doors.clear()


def test_one_request_after_each_turn_is_measured(door: Any, store: Any, shown: Any) -> None:
    """All moments of it; the others are as they were."""
    slow = Slow()
    app = door.watch(ScriptedApp(), slow)
    hooks = app.moments.on_request
    figures = OverheadFigures(store, slow)
    door.call(app)
    assert shown(store).get(COUNT, 0) == 0
    figures.turn()
    figures.turn()
    assert len(app.moments.on_request) == len(hooks) + 1
    slow.seen.clear()
    assert door.call(app).body == b"hello"
    assert app.moments.on_request == hooks
    assert slow.seen[1:] == [_Timed, _Timed]
    values = shown(store)
    assert values[COUNT] == 1
    assert values[SUM] >= 0.03
    slow.seen.clear()
    door.call(app)
    assert _Timed not in slow.seen
    assert shown(store)[COUNT] == 1


def test_errors_are_measured_too(door: Any, store: Any, shown: Any) -> None:
    """A request that fails costs what it costs, and fails as it would."""
    slow = Slow()
    app = door.watch(ScriptedApp(error=ValueError("mine")), slow)
    figures = OverheadFigures(store, slow)
    door.call(app)
    figures.turn()
    assert isinstance(door.call(app).error, ValueError)
    assert shown(store)[COUNT] == 1


def test_requests_of_operators_are_not_measured(door: Any, store: Any, shown: Any) -> None:
    """The next one of somebody else is."""

    class Probe(Plugin):
        def on_request(self, exchange: Exchange) -> Reply | None:
            if exchange.path != "/probe":
                return None
            exchange.probe = True
            return Reply(200)

    probe = Probe()
    app = door.watch(ScriptedApp(), probe, Recorder())
    door.call(app)
    figures = OverheadFigures(store, probe)
    figures.turn()
    door.call(app, path="/probe")
    assert shown(store).get(COUNT, 0) == 0
    door.call(app)
    assert shown(store)[COUNT] == 1


def test_only_doors_of_the_owner_are_measured(door: Any, store: Any) -> None:
    """Another application in this process has figures of its own."""
    owner = Recorder()
    mine, other = door.watch(ScriptedApp(), owner), door.watch(ScriptedApp(), Recorder())
    door.call(mine)
    door.call(other)
    OverheadFigures(store, owner).turn()
    assert isinstance(mine.moments.on_request[-1], _Sample)
    assert not any(isinstance(hook, _Sample) for hook in other.moments.on_request)


def test_a_door_within_a_door_is_one(door: Any, store: Any, shown: Any) -> None:
    """Plugins that join are timed with the rest, and each hook runs once."""
    owner, slow = Recorder(), Slow()
    inner = door.watch(ScriptedApp(), slow)
    outer = door.watch(inner, owner)
    door.call(outer)
    slow.seen.clear()
    OverheadFigures(store, owner).turn()
    assert door.call(outer).body == b"hello"
    assert slow.seen == [_Timed] * 3
    values = shown(store)
    assert values[COUNT] == 1
    assert values[SUM] >= 0.01


def test_a_door_that_has_stopped_is_left(door: Any, store: Any) -> None:
    """Nobody comes through it."""
    owner = Recorder()
    app = door.watch(ScriptedApp(), owner)
    door.call(app)
    assert app.moments in doors
    app.lifecycle.stop()
    assert app.moments not in doors
    OverheadFigures(store, owner).turn()
    assert not any(isinstance(hook, _Sample) for hook in app.moments.on_request)
