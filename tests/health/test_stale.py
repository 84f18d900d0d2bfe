"""How long a result counts, and what a scheduler or a whole process that stood still comes to."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

import pytest

from midwatch.health import Check, HealthCheck, Result
from midwatch.health.result import Status, judge

from .clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/health/live"])
def test_frozen_scheduler(door: Any, served: Any, document: Any, clock: Clock, path: str, health_log: Any) -> None:
    """Within max_age of a frozen scheduler what gates fails, says that it is stale, and is well again after a run."""
    check = Check(lambda: True, ("live", "ready"), interval=10)
    health = HealthCheck(checks={"it": check}, clock=clock)
    app = served(health)
    clock.now += 30
    assert document(door.call(app, path=path))["status"] == "pass"
    clock.now += 0.1
    for _ in range(2):
        told = document(door.call(app, path=path))
        (member,) = told["checks"]["it"]
        assert (told["status"], member["output"], member["stale"]) == ("fail", "stale: nothing new for 30 s", True)
    assert health_log.next().text == "check it: unknown (stale: nothing new for 30 s), was pass"
    served.run(health)
    assert document(door.call(app, path=path))["status"] == "pass"
    line = health_log.next()
    assert (line.level, line.text) == ("INFO", "check it: pass, was unknown for 0 s")


def test_frozen_scheduler_and_what_does_not_gate(door: Any, served: Any, document: Any, clock: Clock) -> None:
    check = Check(lambda: True, scope="shared", max_age=15)
    app = served(HealthCheck(checks={"it": check}, clock=clock))
    clock.now += 16
    for path in ("/health", "/health/ready"):
        told = document(door.call(app, path=path))
        assert (told["status"], told["checks"]["it"][0]["stale"]) == ("warn", True)


def test_a_run_that_took_longer_than_it_may(stepped: Any, clock: Clock) -> None:
    """Whether anybody has looked meanwhile or not: who knows when it did, if the whole process stood still."""

    def frozen() -> object:
        clock.now += 30
        return answers.pop()

    answers: list[object] = [Result("fail", "refused"), True]
    health = HealthCheck(checks={"it": Check(frozen, timeout=2)}, clock=clock)
    stepped.run(health)
    (probe,) = health.engine.probes
    assert (probe.state.status, probe.state.output) == (Status.FAIL, "timeout")
    stepped.run(health)
    assert probe.state.output == "refused"


def test_one_that_is_not_to_be_cancelled_and_passes_later(stepped: Any) -> None:
    """Its time was up all the same."""

    async def check() -> bool:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return True

    health = HealthCheck(checks={"it": Check(check, timeout=0.05)})
    stepped.run(health)
    assert health.engine.probes[0].state.output == "timeout"


def test_news_between_a_look_and_what_is_said_of_it(stepped: Any, clock: Clock) -> None:
    """As after a process stood still: the run that ends just then is not taken for stale in the log and the figures."""
    health = HealthCheck(checks={"it": lambda: True}, clock=clock)
    stepped.run(health)
    (probe,) = health.engine.probes
    clock.now += 31

    class Taken:
        """A lock that the end of a run has just let go of."""

        def __enter__(self) -> None:
            probe._lock = threading.Lock()
            probe._settle(judge(True, 0.1))

        def __exit__(self, *_: object) -> None: ...

    probe._lock = Taken()  # type: ignore[assignment]
    assert probe.seen(clock.now).stale
    assert probe.transitions == {}
    assert probe.seen(clock.now).status is Status.PASS


def test_stale_since_default() -> None:
    """Three intervals, and always enough for a run that takes all its time."""
    checks = {
        "short": Check(dir, interval=1, timeout=5),
        "long": Check(dir, interval=10),
        "own": Check(dir, max_age=90),
    }
    ages = [probe.check.max_age for probe in HealthCheck(checks=checks).engine.probes]
    assert ages == [11, 30, 90]
