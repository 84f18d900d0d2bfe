"""Checks that mean no good, and event loops that end at the wrong moment."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import TYPE_CHECKING, Any

import pytest

from midwatch.health import Check, HealthCheck, Result
from midwatch.health.checks import load
from midwatch.health.engine import Engine
from midwatch.health.flight import Flight
from midwatch.health.loop import private_loop
from midwatch.health.result import judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from midwatch.health.result import Reading


class Nameless(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError("no name")


class Nothing(metaclass=Nameless):
    """An object of a class without a name."""


class Cause(Exception, metaclass=Nameless):
    """An exception of one."""


class Deceiver:
    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise KeyboardInterrupt

    def __repr__(self) -> str:
        raise RuntimeError("no text")


class Word(str):
    __slots__ = ()

    def strip(self, *_: Any) -> str:
        raise SystemExit(3)


def raising(error: BaseException) -> Callable[[], object]:
    def check() -> object:
        raise error

    return check


def deep() -> object:
    return deep()


def generator() -> Any:
    yield True


async def async_raising() -> None:
    raise SystemExit(4)


@pytest.mark.parametrize(
    ("call", "output"),
    [
        (raising(Cause("canary")), "Cause"),
        (lambda: Nothing(), "returned nonsense (Nothing)"),
        (lambda: Deceiver(), "KeyboardInterrupt"),
        (lambda: Word("pass"), "SystemExit"),
        (raising(SystemExit("canary")), "SystemExit"),
        (raising(KeyboardInterrupt()), "KeyboardInterrupt"),
        (raising(GeneratorExit()), "GeneratorExit"),
        (raising(MemoryError()), "MemoryError"),
        (raising(StopAsyncIteration()), "StopAsyncIteration"),
        (deep, "RecursionError"),
        (generator, "returned nonsense (generator)"),
        (async_raising, "SystemExit"),
    ],
)
def test_whatever_it_does_it_has_failed(
    served: Any, door: Any, outputs: Any, call: Callable[[], object], output: str
) -> None:
    """And the others are asked all the same; nothing is shown but a name."""
    app = served(HealthCheck(checks={"it": call, "fine": lambda: True}))
    assert outputs(door.call(app, path="/health")) == {"it": output, "fine": None}


def test_what_it_measures_is_bounded() -> None:
    reading = judge(Result("warn", "o" * 10**6, "x" * 10**6, "u" * 10**6), 0.0)
    assert reading.output is not None
    assert reading.unit is not None
    assert max(len(reading.output), len(str(reading.observed)), len(reading.unit)) <= 1000


def test_the_loop_of_all_outlives_one_that_stops_it(stepped: Any) -> None:
    """A check that stops its event loop, or exits in a callback, takes no other with it."""

    async def stops() -> None:
        asyncio.get_running_loop().stop()

    async def exits() -> None:
        asyncio.get_running_loop().call_soon(raising(SystemExit(1)))

    async def works() -> None:
        await asyncio.sleep(0)

    health = HealthCheck(checks={"stops": stops, "exits": exits, "works": works})
    for _ in range(2):
        stepped.run(health)
    assert health.engine.probes[2].state.status == "pass"
    assert asyncio.run_coroutine_threadsafe(works(), private_loop()).result(10) is None


def test_one_that_cancels_itself_fails(stepped: Any) -> None:
    """It is not taken for an event loop that closes, and asked again at once, for ever."""
    runs: list[object] = []

    async def check() -> None:
        runs.append(None)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    health = HealthCheck(checks={"it": check})
    stepped.run(health)
    assert health.engine.probes[0].state.output == "cancelled"
    assert len(runs) == 2


def flight(call: Callable[[], object], loop: asyncio.AbstractEventLoop) -> tuple[Flight, list[Reading | None]]:
    landed: list[Reading | None] = []
    return Flight("it", load("it", call, 5.0), loop, lambda: 0.0, lambda _, reading: landed.append(reading)), landed


def test_a_loop_that_closes_leaves_a_task_behind(caplog: pytest.LogCaptureFixture) -> None:
    """One that began when all others were cancelled: it is lost, and nobody is told of it at the exit."""
    loop = asyncio.new_event_loop()

    async def check() -> None:
        await asyncio.Event().wait()

    one, landed = flight(check, loop)
    one.start()
    loop.run_until_complete(asyncio.sleep(0))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert one.lost
    del one
    gc.collect()
    assert landed == []
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


def test_a_loop_that_closes_before_it_begins(recwarn: pytest.WarningsRecorder) -> None:
    """What the check has made to be awaited is closed, without a warning."""
    loop = asyncio.new_event_loop()

    async def never() -> None:
        raise AssertionError("must not run")

    one, _ = flight(lambda: never(), loop)
    one.start()
    for thread in threading.enumerate():
        if thread.name == "midwatch-health-it":
            thread.join(10)
    loop.close()
    assert one.lost
    one.abandon()
    del one
    gc.collect()
    assert [str(warning.message) for warning in recwarn] == []


def test_an_engine_that_nobody_holds_ends_at_once() -> None:
    """Without a shutdown: its thread does not sleep on, for up to a minute."""
    ran = threading.Event()
    engine = Engine({"it": load("it", Check(ran.set, interval=3600), 1.0)})
    engine.start()
    thread = engine._thread
    assert thread is not None
    assert ran.wait(10)
    del engine
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("name", ["", "/", "x/", " x", "a\nb", "\ud800", "x" * 65, 5, None])
def test_names_that_no_path_can_have(name: Any) -> None:
    """They would hide a group, or break what shows them."""
    with pytest.raises(ValueError, match=r"health\.checks: "):
        HealthCheck(checks={name: lambda: True})


@pytest.mark.parametrize("name", ["db", "a b", "odd?&#%", "größe", "a/b", "..", "drain", "ready"])
def test_names_with_odd_characters(served: Any, door: Any, document: Any, name: str) -> None:
    """They are asked by their names, and shown by them, to direct peers."""
    app = served(HealthCheck(checks={name: lambda: True}))
    path = f"/health/ready/{name}"
    assert set(document(door.call(app, path=path))["checks"]) == {name}
    assert document(door.call(app, path="/health/ready", headers=[("via", "1.1 p")])) == {"status": "pass"}
    assert door.call(app, path=path, headers=[("via", "1.1 p")]).body == b"hello"


@pytest.mark.parametrize("group", ["health", "drain", "liveness", "readiness"])
def test_groups_that_would_hide_others(group: str) -> None:
    with pytest.raises(ValueError, match="is what else is served there"):
        HealthCheck(checks={"it": Check(lambda: True, groups=[group])})
