"""The log of `midwatch.health`: changes, and what clients may not see."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from midwatch.health import HealthCheck, Result
from midwatch.plugin import failures
from midwatch.testing import ScriptedApp

if TYPE_CHECKING:
    import threading


class Script:
    """A check that says one thing after the other."""

    def __init__(self, *answers: object) -> None:
        self._answers = iter(answers)

    def __call__(self) -> object:
        answer = next(self._answers)
        if isinstance(answer, BaseException):
            raise answer
        return answer


def test_changes(door: Any, health_log: Any) -> None:
    """Each change of a check is one line: a warning when it gets worse, an information when it recovers."""
    script = Script("pass", "pass", "warn", "fail", "fail", Result("warn", "slow"), "pass", "fail")
    app = door.watch(ScriptedApp(), HealthCheck(checks={"database": script}))
    for _ in range(8):
        door.call(app, path="/health")
    lines = [health_log.next() for _ in range(5)]
    assert [(line.level, line.text) for line in lines] == [
        ("WARNING", "check database: warn (no reason given), was pass"),
        ("WARNING", "check database: fail (no reason given), was warn"),
        ("INFO", "check database: warn (slow), was fail"),
        ("INFO", "check database: pass (no reason given), was warn"),
        ("WARNING", "check database: fail (no reason given), was pass"),
    ]


def test_first(door: Any, health_log: Any) -> None:
    """A service that starts in trouble says so; one that starts well has nothing to say."""
    app = door.watch(ScriptedApp(), HealthCheck(checks={"good": Script("pass"), "bad": Script("fail")}))
    door.call(app, path="/health")
    line = health_log.next()
    assert (line.level, line.text) == ("WARNING", "check bad: fail (no reason given), was unknown")


def test_exceptions(door: Any, health_log: Any) -> None:
    """What a check raises is logged once a minute, however often it is asked."""
    now = [0.0]
    script = Script(OSError("one"), OSError("two"), "pass", OSError("three"), OSError("four"), OSError("five"))
    app = door.watch(ScriptedApp(), HealthCheck(checks={"database": script}, clock=lambda: now[0]))
    for minute in (0.0, 0.5, 0.6, 0.7, 1.0, 1.9):
        now[0] = 60 * minute
        door.call(app, path="/health")
    lines = [health_log.next() for _ in range(4)]
    assert [(line.level, line.text, line.raised) for line in lines] == [
        ("WARNING", "check database: fail (OSError), was unknown", "one"),
        ("INFO", "check database: pass (no reason given), was fail", None),
        ("WARNING", "check database: fail (OSError), was pass", None),
        ("WARNING", "check database: fail (OSError), was fail", "four"),
    ]


class Hanging(logging.Handler):
    def __init__(self, released: threading.Event) -> None:
        super().__init__()
        self._released = released

    def emit(self, record: logging.LogRecord) -> None:
        self._released.wait()


def test_hanging_log(door: Any, document: Any, health_log: Any, released: threading.Event) -> None:
    """A log handler that hangs costs nobody the answer, and the lines come in order once it goes on."""
    logger = logging.getLogger("midwatch.health")
    hanging = Hanging(released)
    logger.addHandler(hanging)
    try:
        app = door.watch(ScriptedApp(), HealthCheck(checks={"it": Script("fail", "pass", "warn")}))
        answers = [document(door.call(app, path="/health"))["status"] for _ in range(3)]
        assert answers == ["fail", "pass", "warn"]
        released.set()
        lines = [health_log.next().text for _ in range(3)]
        assert [line.split()[2] for line in lines] == answers
    finally:
        logger.removeHandler(hanging)


class Broken(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise ZeroDivisionError


def test_broken_log(door: Any, document: Any, health_log: Any) -> None:
    """A log handler that raises costs nobody the answer; it is counted."""
    logger = logging.getLogger("midwatch.health")
    broken = Broken()
    logger.addHandler(broken)
    before = failures.get("Group._coordinate", 0)
    try:
        app = door.watch(ScriptedApp(), HealthCheck(checks={"it": Script(False, "pass")}))
        assert document(door.call(app, path="/health"))["status"] == "fail"
        assert document(door.call(app, path="/health"))["status"] == "pass"
        assert health_log.next().level == "WARNING"
        assert health_log.next().level == "INFO"
    finally:
        logger.removeHandler(broken)
    assert failures["Group._coordinate"] > before
