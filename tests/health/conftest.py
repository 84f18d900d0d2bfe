"""Reading health documents, many pollers at once, and the log of state changes."""

from __future__ import annotations

import asyncio
import json
import logging
import queue
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest

from midwatch import delivery
from midwatch.testing import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STATUSES = {"pass", "warn", "fail"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ROOT = {"status", "version", "releaseId", "serviceId", "checks"}
MEMBER = {"status", "time", "observedValue", "observedUnit", "output"}


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
        assert set(member) <= MEMBER
        assert member["status"] in STATUSES
        assert TIME.fullmatch(member["time"])
        assert isinstance(member["observedValue"], int | float | str)
        assert member["status"] != "pass" or "output" not in member
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
def _over() -> Iterator[None]:
    """No run outlasts its test; their threads end by themselves."""
    yield
    for thread in threading.enumerate():
        if thread.name == "midwatch-health":
            thread.join(10)
            assert not thread.is_alive()


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
