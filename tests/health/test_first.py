"""The first results of a process: a poller that comes before them waits for them, once and not for long."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from midwatch.health import Check, HealthCheck, first
from midwatch.health.drain import Drain
from midwatch.testing import ScriptedApp

if TYPE_CHECKING:
    from collections.abc import Callable

    from midwatch.health.checks import CheckLike
    from midwatch.testing import Answer


@pytest.fixture
def shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for longer than a moment."""
    monkeypatch.setattr(first, "MOST", 0.05)


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits in vain is noticed."""
    monkeypatch.setattr(first, "MOST", 60)


@pytest.mark.usefixtures("long")
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", ["/health", "/health/ready", "/health/ready/it"])
def test_the_first_poller_is_told_what_the_checks_found(door: Any, path: str, method: str) -> None:
    """A worker that starts with its first request does not fail its first probe."""
    app = door.watch(ScriptedApp(), HealthCheck(checks={"it": lambda: True, "also": lambda: True}))
    assert door.call(app, method, path).status == 200


@pytest.mark.usefixtures("long")
def test_a_failure_is_a_result(door: Any, outputs: Any) -> None:
    app = door.watch(ScriptedApp(), HealthCheck(checks={"it": lambda: False}))
    assert outputs(door.call(app, path="/health/ready")) == {"it": "returned False"}


@pytest.mark.usefixtures("long")
def test_only_what_would_fail_is_waited_for(door: Any, document: Any, released: threading.Event) -> None:
    """Not for what gates nothing, nor for what another group asks, nor in `live`, which passes before."""
    checks: dict[str, CheckLike] = {
        "it": lambda: True,
        "shared": Check(released.wait, scope="shared", timeout=30),
        "started": Check(released.wait, ("startup", "live"), timeout=30),
    }
    app = door.watch(ScriptedApp(), HealthCheck(checks=checks))
    assert document(door.call(app, path="/health/ready"))["status"] == "warn"
    assert document(door.call(app, path="/health/live"))["status"] == "pass"


@pytest.mark.usefixtures("shortly")
def test_one_that_hangs_is_not_waited_for_again(door: Any, outputs: Any, released: threading.Event) -> None:
    """The time is that of the process, not of a poller; what was found meanwhile is told."""
    health = HealthCheck(checks={"hangs": Check(released.wait, timeout=30), "fine": lambda: True})
    app = door.watch(ScriptedApp(), health)
    for _ in range(2):
        assert outputs(door.call(app, path="/health/ready")) == {"hangs": "not checked yet", "fine": None}
    assert all(health.engine.results(group) is None for group in health.engine.groups)


@pytest.mark.usefixtures("long")
def test_those_who_come_meanwhile_wait_as_well(
    door: Any, crowd: Callable[[Any, str, int], list[Answer]], released: threading.Event
) -> None:
    health = HealthCheck(checks={"it": Check(released.wait, timeout=30)})
    app = door.watch(ScriptedApp(), health)
    health.engine.start()
    results = health.engine.results(health.engine.groups[0])
    assert results is not None
    threading.Timer(0.05, released.set).start()
    assert {answer.status for answer in crowd(app, "/health", 20)} == {200}
    assert results.done()
    assert health.engine.results(health.engine.groups[0]) is None


@pytest.mark.usefixtures("long")
def test_a_process_that_drains_has_nothing_to_wait_for(door: Any, released: threading.Event) -> None:
    drain = Drain()
    drain.begin("test")
    app = door.watch(ScriptedApp(), HealthCheck(checks={"it": Check(released.wait, timeout=30)}, drain=drain))
    assert door.call(app, path="/health/ready").status == 503
