"""Reading health documents, many pollers at once, and the log of state changes."""

from __future__ import annotations

import asyncio
import json
import logging
import queue
import re
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from midwatch import delivery
from midwatch.health import engine as engine_module
from midwatch.health.engine import Engine, engines
from midwatch.logs.formatter import JsonFormatter
from midwatch.testing import Answer, ScriptedApp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from midwatch.health import HealthCheck

STATUSES = {"pass", "warn", "fail"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ROOT = {"status", "version", "releaseId", "serviceId", "checks", "notes", "output"}
MEMBER = {"status", "time", "observedValue", "observedUnit", "output", "affectedEndpoints"}
OWN = {"stale", "stuckSince", "gates", "scope", "tags"}


def read(answer: Answer) -> dict[str, Any]:
    """The document in *answer*, which must be one by draft-inadarei-api-health-check-06."""
    assert answer.error is None
    assert answer.header("content-type") == "application/health+json"
    assert answer.header("cache-control") == "no-store"
    assert answer.header("content-length") == str(len(answer.body))
    document: dict[str, Any] = json.loads(answer.body)
    assert set(document) <= ROOT
    assert document["status"] in STATUSES
    assert answer.status == (503 if document["status"] == "fail" else 200)
    assert (answer.header("retry-after") is not None) == (answer.status == 503)
    for name, members in document.get("checks", {}).items():
        if name in {"midwatch:dropped", "midwatch:spilled"}:
            continue
        (member,) = members
        assert set(member) <= MEMBER | OWN
        assert member["status"] in STATUSES
        assert TIME.fullmatch(member.get("time", "2026-01-01T00:00:00.000Z"))
        assert isinstance(member.get("observedValue", ""), int | float | str)
        assert member["status"] != "pass" or not {"output", "affectedEndpoints"} & set(member)
    return document


@pytest.fixture
def document() -> Callable[[Answer], dict[str, Any]]:
    return read


@pytest.fixture
def outputs() -> Callable[[Answer], dict[str, str | None]]:
    def outputs(answer: Answer) -> dict[str, str | None]:
        return {name: members[0].get("output") for name, members in read(answer).get("checks", {}).items()}

    return outputs


class Line:
    """One log line, without the record that holds the exception."""

    def __init__(self, record: logging.LogRecord) -> None:
        self.level = record.levelname
        self.text = record.getMessage()
        self.raised = None if not record.exc_info else str(record.exc_info[1])
        self.json = JsonFormatter().format(record)


class HealthLog(logging.Handler):
    """Lines of `midwatch.health`, in order; they come after the answer."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: queue.SimpleQueue[Line] = queue.SimpleQueue()

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.put(Line(record))

    def next(self) -> Line:
        return self._lines.get(timeout=10)


@pytest.fixture(autouse=True)
def deliveries(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """What other tests have lost is none of ours; what is lost before any channel."""
    lost: dict[str, int] = {}
    monkeypatch.setattr(delivery, "channels", type(delivery.channels)())
    monkeypatch.setattr(delivery, "losses", lost)
    return lost


@pytest.fixture(autouse=True)
def _no_engines_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Applications of other tests still ask for their states, once a second, and log what is stale."""
    monkeypatch.setattr(engine_module, "_engines", weakref.WeakSet())


class Steps:
    """Runs checks when a test says so."""

    def __init__(self, door: Any) -> None:
        self._door = door
        self.news = threading.Condition()
        self.told = 0

    def __call__(self, health: HealthCheck, *others: Any) -> Any:
        """An application watched by *health*, whose checks have been run once."""
        app = self._door.watch(ScriptedApp(), health, *others)
        self.run(health)
        return app

    def run(self, health: HealthCheck, *, again: bool = True) -> None:
        """Run all checks now, until each has ended or its time is up."""
        engine, told = health.engine, self.told
        before = [probe.state for probe in engine.probes]
        for probe in engine.probes if again else ():
            probe._due = None

        def done() -> bool:
            states = zip(engine.probes, before, strict=True)
            return all(probe.state is not state for probe, state in states) and self.told - told >= len(before)

        self.until(engine, done)

    def until(self, engine: Engine, done: Callable[[], bool]) -> None:
        """Turn until it is done."""
        for _ in range(1000):
            told, pause = self.told, engine.turn()
            with self.news:
                self.news.wait_for(lambda told=told: done() or self.told != told, min(pause, 0.1))  # type: ignore[misc]
            if done():
                return
        raise AssertionError("never done")


@pytest.fixture
def stepped(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """No check runs but by its `run`."""
    return stepping(None, monkeypatch)


@pytest.fixture
def served(door: Any, monkeypatch: pytest.MonkeyPatch) -> Steps:
    """The same, behind both doors."""
    return stepping(door, monkeypatch)


def stepping(door: Any, monkeypatch: pytest.MonkeyPatch) -> Steps:
    steps, settled = Steps(door), Engine._settled

    def told(engine: Engine) -> None:
        settled(engine)
        with steps.news:
            steps.told += 1
            steps.news.notify_all()

    monkeypatch.setattr(Engine, "_settled", told)
    monkeypatch.setattr(Engine, "start", lambda engine: None)
    return steps


@pytest.fixture(autouse=True)
def _over() -> Iterator[None]:
    """No background outlasts its test."""
    before = set(engines())
    yield
    for engine in set(engines()) - before:
        engine.stop()


@pytest.fixture
def health_log() -> Iterator[HealthLog]:
    handler = HealthLog()
    logger = logging.getLogger("midwatch.health")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Lets hanging checks go, at the latest when the test is over."""
    event = threading.Event()
    yield event
    event.set()


async def ask(app: Any, path: str) -> Answer:
    """One GET within the running event loop."""
    answer = Answer()
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "headers": [],
        "client": ("127.0.0.1", 50000),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = [(name.decode(), value.decode()) for name, value in message["headers"]]
        elif message.get("body"):
            answer.chunks.append(message["body"])

    await app(scope, receive, send)
    return answer


@pytest.fixture
def ask_within() -> Callable[..., Any]:
    return ask


@pytest.fixture
def crowd(door: Any) -> Callable[[Any, str, int], list[Answer]]:
    """Many GETs at once through the door: tasks of one event loop, or threads."""

    def through_asgi(app: Any, path: str, number: int) -> list[Answer]:
        async def everybody() -> list[Answer]:
            return await asyncio.gather(*(ask(app, path) for _ in range(number)))

        return asyncio.run(everybody())

    def through_wsgi(app: Any, path: str, number: int) -> list[Answer]:
        answers: list[Answer] = []
        threads = [
            threading.Thread(target=lambda: answers.append(door.call(app, path=path, validate=False)))
            for _ in range(number)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    return through_asgi if door.name == "asgi" else through_wsgi
