"""Where events go: the log, files, callables; and what happens when that fails."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from midwatch import audit
from midwatch.audit import AuditTrail, verify
from midwatch.audit.destinations import sentence
from midwatch.logs.formatter import JsonFormatter
from midwatch.plugin import failures
from midwatch.service import Service
from midwatch.testing import Recorder, ScriptedApp


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the logger `midwatch.audit` writes, as installed services format it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("midwatch.audit")
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)
    logger.disabled = False


def test_an_event_in_the_log_is_a_line_like_any_other(door: Any, make_trail: Any, log: io.StringIO, put: Any) -> None:
    """The head of every line, the body as an object, the chain value; the verifier finds its way."""
    trail = make_trail(to="log")
    known = {"trace_id": "a" * 32, "span_id": "b" * 16, "request_id": "r-1"}

    def before() -> None:
        audit.actor("u1")
        audit.record("orders.refund", "order:17")

    app = ScriptedApp(before=before)
    door.call(door.watch(app, put(**known), trail.plugin), "GET")
    trail.plugin.on_shutdown(1.0)
    lines = log.getvalue().splitlines()
    line = json.loads(lines[1])
    body = line.pop("audit")
    chain = line.pop("audit.chain")
    assert line == {
        "timestamp": "2026-01-01T00:00:00.123456Z",
        "level": "INFO",
        "logger": "midwatch.audit",
        "message": "orders.refund order:17 by user u1: success",
        "service.name": "orders",
        "service.version": "1.4.2",
        "deployment.environment.name": "production",
        "trace_id": "a" * 32,
        "span_id": "b" * 16,
        "request_id": "r-1",
    }
    assert body["resource"] == [{"id": "17", "type": "order"}]
    assert len(chain) == 64
    report = verify([*lines, '{"level":"INFO","message":"something else"}'])
    assert report.sound
    assert (report.events, report.foreign, len(report.closed)) == (3, 1, 1)


def test_an_edit_in_the_log_is_found(make_trail: Any, log: io.StringIO) -> None:
    """Any value of the body; a key twice, of which readers see one or the other, is not taken either."""
    trail = make_trail(to="log")
    for number in range(5):
        audit.record("orders.refund", f"order:{number}", reason='né\u2028e "\\', changes={"a": (None, [1, {"b": 2.5}])})
    trail.plugin.close()
    lines = log.getvalue().splitlines()
    assert verify(lines).sound
    edited = [line.replace('"id":"2"', '"id":"7"') for line in lines]
    problem = verify(edited).problem
    assert problem is not None
    assert (problem.fault, problem.line) == ("altered", 4)
    twins = [line.replace('"id":"2"', '"id":"7","id":"2"') for line in lines]
    assert not verify(twins).sound


def test_the_level_of_the_logger_does_not_silence_the_trail(make_trail: Any, log: io.StringIO) -> None:
    """Verbosity is another matter; handlers and filters still decide."""
    logger = logging.getLogger("midwatch.audit")
    logger.setLevel(logging.CRITICAL)
    try:
        trail = make_trail(to="log")
        audit.record("orders.refund")
        assert "orders.refund" in log.getvalue()
        del trail
    finally:
        logger.setLevel(logging.NOTSET)


def test_a_log_that_goes_nowhere_is_told_when_a_stream_opens(
    make_trail: Any, log: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    """`disable_existing_loggers` silences by accident; once per stream, not per event."""
    logging.getLogger("midwatch.audit").disabled = True
    trail = make_trail(to="log")
    audit.record("orders.refund")
    audit.record("orders.refund")
    assert log.getvalue() == ""
    assert [record.name for record in caplog.records] == ["midwatch"]
    assert "events are lost" in caplog.text
    del trail


def test_a_service_name_that_is_no_text_does_not_spoil_the_lines(log: io.StringIO) -> None:
    """The environment may hold any bytes."""
    trail = AuditTrail(service=Service("caf\udce9", attributes=(("k\udce9", "v\udce9"),)))
    audit.record("orders.refund")
    trail.close()
    lines = log.getvalue().splitlines()
    assert verify(lines).sound
    assert json.loads(lines[1])["service.name"] == "caf?"
    assert json.loads(lines[1])["audit"]["service"]["name"] == "caf\ufffd"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"action": "a", "actor": {"type": "anonymous"}, "outcome": "denied"}, "a by anonymous: denied"),
        (
            {"action": "a", "actor": {"type": "user", "id": "u\nroot: ok"}, "outcome": "success",
             "resource": [{"type": "orders"}, {"type": "order", "id": "1"}, {}]},
            "a orders and 2 more by user u root: ok: success",
        ),
    ],
)  # fmt: skip
def test_a_sentence_is_one_line_whatever_is_in_it(body: dict[str, Any], text: str) -> None:
    """Plain text handlers write the message as it is."""
    assert sentence(body) == text


@pytest.mark.parametrize(
    ("to", "error"),
    [
        (7, TypeError),
        (None, TypeError),
        ("ftp://host/file", ValueError),
        ("audit.jsonl", ValueError),
        ("file:///no/such/directory/audit.jsonl", ValueError),
    ],
)
def test_a_destination_that_is_none_stops_the_start(to: Any, error: type[Exception]) -> None:
    """Loud at the start, silent at run time."""
    with pytest.raises(error, match=r"to:|ftp|audit\.jsonl|directory"):
        AuditTrail(to=to)


def test_a_trail_knows_its_service_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without being told."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "stock")
    lines: list[str] = []
    trail = AuditTrail(to=lines.append)
    audit.record("stock.count")
    assert json.loads(lines[1])["body"]["service"]["name"] == "stock"
    del trail


def test_random_ids_and_the_real_clock_are_the_default(tmp_path: Path) -> None:
    """No two events and no two streams share one."""
    lines: list[str] = []
    for _ in range(2):
        trail = AuditTrail(to=lines.append)
        audit.record("a")
        assert trail.close()
        assert not trail.close()
    bodies = [json.loads(line)["body"] for line in lines]
    assert len({body["id"] for body in bodies}) == 6
    assert len({body["stream"] for body in bodies}) == 2
    assert bodies[0]["time"] > "2025"


class Broken:
    """A destination that fails now and then."""

    def __init__(self, *fails: int) -> None:
        self.lines: list[str] = []
        self._fails = fails
        self._calls = 0

    def __call__(self, line: str) -> None:
        self._calls += 1
        if self._calls - 1 in self._fails:
            raise OSError("disk full")
        self.lines.append(line)


@pytest.mark.parametrize("fails", [(0,), (1,), (2,), (0, 1, 2)])
def test_a_destination_that_raises_does_not_reach_the_client(
    door: Any, make_trail: Any, fails: tuple[int, ...]
) -> None:
    """It is counted, what comes after it is written, and the hole in the chain shows what is missing."""
    broken = Broken(*fails)
    trail = make_trail(to=broken)
    before = failures.get("Emitter.emit", 0)
    app = door.watch(ScriptedApp(before=lambda: audit.record("orders.refund")), trail.plugin)
    answer = door.call(app, "POST")
    assert (answer.status, answer.body, answer.error) == (200, b"hello", None)
    door.call(app, "POST")
    trail.plugin.close()
    assert failures["Emitter.emit"] - before == len(fails)
    assert len(broken.lines) == 6 - len(fails)
    problem = verify(broken.lines).problem
    assert problem is not None
    assert problem.fault == "gap"


def test_a_trail_whose_clock_or_ids_fail_does_not_reach_the_caller(make_trail: Any) -> None:
    """Neither in a request nor outside of one."""

    def fail(*_: object) -> int:
        raise RuntimeError("no clock")

    before = failures.get("record", 0), failures.get("Emitter.emit", 0)
    first = make_trail(clock=fail)
    audit.record("a")
    second = make_trail(ids=fail)
    audit.record("a")
    assert (failures["record"], failures["Emitter.emit"]) == (before[0] + 1, before[1] + 1)
    assert first.lines == second.lines == []


def test_an_exchange_that_fails_does_not_reach_the_caller_of_actor(door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An observer may fail, the request may not."""
    from midwatch.exchange import Exchange

    def refuse(self: Any, name: str, value: object) -> None:
        if name == "actor":
            raise RuntimeError("frozen")
        object.__setattr__(self, name, value)

    answers: list[bool] = []
    monkeypatch.setattr(Exchange, "__setattr__", refuse)
    door.call(door.watch(ScriptedApp(before=lambda: answers.append(audit.actor("u1"))), Recorder()))
    assert answers == [False]


def test_a_destination_that_records_an_event_does_not_go_in_circles(make_trail: Any) -> None:
    """Its own record is refused and counted; the chain stays whole."""
    lines: list[str] = []

    def circular(line: str) -> None:
        audit.record("line.written")
        assert not trail.plugin.close()
        lines.append(line)

    before = failures.get("Emitter.emit", 0)
    trail = make_trail(to=circular)
    audit.record("orders.refund")
    trail.plugin.close()
    assert failures["Emitter.emit"] - before == 3
    assert len(lines) == 3
    assert verify(lines).sound
