"""One scenario, both doors."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import hypothesis
import pytest
from opentelemetry.trace import SpanKind

from midwatch import ASGIMiddleware, LatencyMetrics, Plugin, RequestLog, Tracing, WSGIMiddleware, lifecycle, moments
from midwatch.audit.writer import writer
from midwatch.delivery import channels
from midwatch.delivery.spilling import Spilling
from midwatch.logs import DeliveryHandler, JsonFormatter, setup
from midwatch.plugin import failures
from midwatch.testing import Answer, ScriptedApp, call_asgi, call_wsgi

# A busy machine is no failure.
hypothesis.settings.register_profile("midwatch", deadline=None)
hypothesis.settings.load_profile("midwatch")


def pytest_itemcollected(item: pytest.Item) -> None:
    """
    Coverage is that of examples alone: what a property test happens to reach is another thing in each run.

    Tracing would also take twice the time where everything is done a hundred times over.
    """
    if hypothesis.is_hypothesis_test(getattr(item, "obj", None)):
        item.add_marker(pytest.mark.no_cover)


def pytest_collection_finish() -> None:
    """Ten thousand tests are half a million objects, which every full collection would look at again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Any:
    """Hostile text that a test has logged is none that processes can hand each other."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "replace").decode()) for name, text in report.sections]
    return report


class Door:
    """One of the two doors: how to put it around an application, and how to call it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.call: Callable[..., Answer] = call_asgi if name == "asgi" else call_wsgi

    def watch(self, app: Any, *plugins: Plugin, **options: Any) -> Any:
        inner = self.app(app)
        kind: Any = ASGIMiddleware if self.name == "asgi" else WSGIMiddleware
        return kind(inner, *plugins, **options)

    def app(self, app: Any) -> Any:
        return getattr(app, self.name) if isinstance(app, ScriptedApp) else app


@pytest.fixture(params=["asgi", "wsgi"])
def door(request: pytest.FixtureRequest) -> Door:
    return Door(request.param)


@pytest.fixture(autouse=True)
def _no_handlers_left() -> Iterator[None]:
    """What an installed application did to logging ends with its test."""
    loggers = [logging.getLogger(name) for name in ("", "midwatch", "midwatch.request")]
    kept = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield
    setup._handlers.clear()
    for logger, handlers, level, propagate in kept:
        for handler in [handler for handler in logger.handlers if isinstance(handler, DeliveryHandler)]:
            if handler not in handlers:
                logger.removeHandler(handler)
        if logger.level != level:  # It makes every logger of the process forget what it has worked out.
            logger.setLevel(level)
        logger.propagate = propagate


@pytest.fixture(autouse=True)
def _no_doors_left() -> Iterator[None]:
    """Nobody stops the applications of most tests: what they do without a request ends with the test."""
    before = set(moments.doors)
    yield
    for left in set(moments.doors) - before:
        lifecycle._let_go(left)


@pytest.fixture(autouse=True)
def _no_dead_networks_left() -> Iterator[None]:
    """A destination that has gone with its test does not cost every later flush its whole time."""
    before = set(channels)
    yield
    for channel in set(channels) - before:
        if channel.busy and (channel._apart or isinstance(channel, Spilling)):
            channels.discard(channel)
            with channel.worker.held(1):
                channel.leftovers()


@pytest.fixture(autouse=True)
def _no_complaints_left() -> Iterator[None]:
    """What has become of the store of an earlier test is no line of the next one's."""
    before = set(writer._writers)
    yield
    for left in set(writer._writers) - before:
        for complaint in (left._sequencer.complaint, left._committer.standing.complaint, left._committer._alarm):
            complaint._told_at = float("inf")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)
    yield


class Observed:
    """The three signals that every exchange leaves: lines, spans and counts."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.spans: list[Any] = []
        self.metrics = LatencyMetrics()
        self._handler = Collect(self.lines)

    def plugins(self) -> tuple[Plugin, ...]:
        return Tracing(to=[self.spans.append]), RequestLog(), self.metrics

    def requests(self) -> list[Any]:
        """The spans of requests: a busy machine makes background work of what follows the last byte."""
        return [span for span in self.spans if span.kind is SpanKind.SERVER]

    def count(self) -> float:
        """How many requests the histogram has counted."""
        return sum(
            sample.value
            for family in self.metrics.collector.collect()
            for sample in family.samples
            if sample.name == "http_server_request_duration_seconds_count"
        )

    def listen(self) -> None:
        logger = logging.getLogger("midwatch.request")
        logger.addHandler(self._handler)
        logger.setLevel(logging.INFO)

    def stop(self) -> None:
        logging.getLogger("midwatch.request").removeHandler(self._handler)


class Collect(logging.Handler):
    """Keeps the fields of every line."""

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(json.loads(JsonFormatter().format(record)))


@pytest.fixture
def signals() -> Iterator[Observed]:
    observed = Observed()
    observed.listen()
    before = dict(failures)
    yield observed
    observed.stop()
    ours = ("Tracing.", "RequestLog.", "ErrorReport.", "LatencyMetrics.", "AuditTrail.", "HealthCheck.")
    assert {name: n for name, n in failures.items() if name.startswith(ours) and n != before.get(name)} == {}


@dataclass
class Socket:
    """What a websocket client saw."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    error: BaseException | None = None


@pytest.fixture
def websocket() -> Callable[..., Socket]:
    """Serve one websocket connection: the messages of the client are given, those of the application come back."""

    def call(app: Any, *received: dict[str, Any], extensions: Any = None, **scope: Any) -> Socket:
        socket = Socket()
        inbox = [{"type": "websocket.connect"}, *received]

        async def receive() -> dict[str, Any]:
            return inbox.pop(0)

        async def send(message: Any) -> None:
            socket.sent.append(dict(message))

        whole = {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "path": "/chat",
            "headers": [(b"host", b"testserver")],
            "query_string": b"",
            "subprotocols": [],
            "extensions": extensions or {},
            "client": ("127.0.0.1", 50000),
            **scope,
        }

        async def serve() -> None:
            try:
                await app(whole, receive, send)
            except Exception as error:
                socket.error = error

        asyncio.run(serve())
        return socket

    return call
