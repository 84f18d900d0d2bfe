"""The log of `midwatch.health`: changes, and what clients may not see."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from midwatch.health import Check, HealthCheck, Result
from midwatch.plugin import failures

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


def test_changes(stepped: Any, health_log: Any) -> None:
    """Each change of a check is one line: a warning when it gets worse, an information when it recovers."""
    script = Script("pass", "pass", "warn", "fail", "fail", Result("warn", "slow"), "pass", "fail")
    health = HealthCheck(checks={"database": script})
    for _ in range(8):
        stepped.run(health)
    lines = [health_log.next() for _ in range(5)]
    assert [(line.level, line.text) for line in lines] == [
        ("WARNING", "check database: warn (no reason given), was pass"),
        ("WARNING", "check database: fail (no reason given), was warn"),
        ("INFO", "check database: warn (slow), was fail"),
        ("INFO", "check database: pass, was warn for 0 s"),
        ("WARNING", "check database: fail (no reason given), was pass"),
    ]


def test_first(stepped: Any, health_log: Any) -> None:
    """A service that starts in trouble says so; one that starts well has nothing to say."""
    stepped.run(HealthCheck(checks={"good": Script("pass"), "bad": Script("fail")}))
    line = health_log.next()
    assert (line.level, line.text) == ("WARNING", "check bad: fail (no reason given), was unknown")


def test_exceptions(stepped: Any, health_log: Any) -> None:
    """What a check raises is logged once a minute, however often it is asked."""
    now = [0.0]
    script = Script(OSError("one"), OSError("two"), "pass", OSError("three"), OSError("four"), OSError("five"))
    health = HealthCheck(checks={"database": script}, clock=lambda: now[0])
    for minute in (0.0, 0.5, 0.6, 0.7, 1.0, 1.9):
        now[0] = 60 * minute
        stepped.run(health)
    lines = [health_log.next() for _ in range(4)]
    assert [(line.level, line.text, line.raised) for line in lines] == [
        ("WARNING", "check database: fail (OSError), was unknown", "one"),
        ("INFO", "check database: pass, was fail for 36 s", None),
        ("WARNING", "check database: fail (OSError), was pass", None),
        ("WARNING", "check database: fail (OSError), was fail", "four"),
    ]


def test_the_line_that_it_fails_has_the_exception(stepped: Any, health_log: Any) -> None:
    """People are alerted by it: what was tolerated before does not keep it quiet."""
    now = [0.0]
    script = Script("pass", *(OSError(str(number)) for number in range(4)))
    health = HealthCheck(checks={"it": Check(script, fail_after=3)}, clock=lambda: now[0])
    for _ in range(5):
        now[0] += 10
        stepped.run(health)
    lines = [health_log.next() for _ in range(2)]
    assert [(line.text, line.raised) for line in lines] == [
        ("check it: warn (OSError (tolerated, 1 of 3)), was pass", "0"),
        ("check it: fail (OSError), was warn", "2"),
    ]


@pytest.mark.parametrize(("seconds", "told"), [(0.26, "0.3"), (9.4, "9.4"), (12.34, "12"), (3600.0, "3600")])
def test_a_recovery_says_how_long_it_took(stepped: Any, health_log: Any, seconds: float, told: str) -> None:
    now = [1000.0]
    health = HealthCheck(checks={"it": Script("fail", "pass")}, clock=lambda: now[0])
    stepped.run(health)
    now[0] += seconds
    stepped.run(health)
    assert health_log.next().text == "check it: fail (no reason given), was unknown"
    assert health_log.next().text == f"check it: pass, was fail for {told} s"


def test_no_exception_is_kept(stepped: Any) -> None:
    """Its frames may hold a connection."""
    health = HealthCheck(checks={"it": Script(OSError("canary"))})
    stepped.run(health)
    (probe,) = health.engine.probes
    assert probe.state.reading is not None
    assert probe.state.reading.error is None


class Hanging(logging.Handler):
    def __init__(self, released: threading.Event) -> None:
        super().__init__()
        self._released = released

    def emit(self, record: logging.LogRecord) -> None:
        self._released.wait()


def test_hanging_log(stepped: Any, health_log: Any, released: threading.Event) -> None:
    """A log handler that hangs holds up no check, and the lines come in order once it goes on."""
    logger = logging.getLogger("midwatch.health")
    hanging = Hanging(released)
    logger.addHandler(hanging)
    try:
        health = HealthCheck(checks={"it": Script("fail", "pass", "warn")})
        answers = []
        for _ in range(3):
            stepped.run(health)
            answers.append(health.engine.probes[0].state.status)
        assert answers == ["fail", "pass", "warn"]
        released.set()
        lines = [health_log.next().text for _ in range(3)]
        assert [line.split()[2].rstrip(",") for line in lines] == answers
    finally:
        logger.removeHandler(hanging)


class Broken(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise ZeroDivisionError


def test_broken_log(stepped: Any, health_log: Any) -> None:
    """A log handler that raises holds up no check; it is counted."""
    logger = logging.getLogger("midwatch.health")
    broken = Broken()
    logger.addHandler(broken)
    before = failures.get("Teller._tell", 0)
    try:
        health = HealthCheck(checks={"it": Script(False, "pass")})
        for status in ("fail", "pass"):
            stepped.run(health)
            assert health.engine.probes[0].state.status == status
        assert health_log.next().level == "WARNING"
        assert health_log.next().level == "INFO"
    finally:
        logger.removeHandler(broken)
    assert failures["Teller._tell"] > before
