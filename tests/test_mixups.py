"""200 users, many requests each, interleaved in tasks and in threads: nobody's name is on anybody else's request."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import flask
import pytest
from fastapi import FastAPI, Request

import midwatch
from midwatch import ASGIMiddleware, AuditTrail, ErrorReport, RequestLog, Tracing, WSGIMiddleware
from midwatch.logs import JsonFormatter
from midwatch.testing import call_wsgi

# Thousands of requests: what they cover is covered elsewhere, and tracing them would take minutes.
pytestmark = pytest.mark.no_cover

USERS, REQUESTS = 200, 20

app_logger = logging.getLogger("mixups")


class Lines(logging.Handler):
    """Every line as it would be written, encoded where it was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []
        self._formatter = JsonFormatter()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self._formatter.format(record)))


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    handler = Lines()
    loggers = [app_logger, logging.getLogger("midwatch")]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    yield handler.lines
    for logger in loggers:
        logger.removeHandler(handler)
        logger.propagate = True


def serve(user: str) -> str:
    """What both applications do for a user they have identified."""
    midwatch.audit.actor(user)
    app_logger.info("at work", extra={"user": user})
    midwatch.audit.record("work", resource=f"desk:{user}")
    return user


def check(lines: list[dict[str, Any]], spans: list[Any], answers: dict[str, str]) -> None:
    """*answers* holds the user of each request id: every signal must agree."""
    users = {line["trace_id"]: answers[line["request_id"]] for line in lines if line["logger"] == "midwatch.request"}
    assert len(users) == len(answers) == USERS * REQUESTS
    assert {span.trace_id for span in spans} == set(users)
    kinds: Counter[str] = Counter()
    for line in lines:
        if line["logger"] == "mixups":
            assert users[line["trace_id"]] == line["user"]
            kinds["work"] += 1
        elif line["logger"] == "midwatch.audit" and line["audit"]["kind"] in {"request", "action"}:
            event = line["audit"]
            assert event["actor"]["id"] == users[event["trace_id"]] == answers[event["request_id"]]
            kinds[event["kind"]] += 1
    assert kinds == {"work": len(answers), "request": len(answers), "action": len(answers)}


def test_tasks(lines: Any) -> None:
    """One event loop, 200 tasks, each request suspended at several points."""
    app = FastAPI()

    async def identify(request: Request) -> str:
        await asyncio.sleep(0)
        return request.headers["x-user"]

    @app.post("/work")
    async def work(request: Request) -> str:
        user = await identify(request)
        for _ in range(random.randrange(3)):
            await asyncio.sleep(0)
        return await asyncio.create_task(asyncio.to_thread(serve, user)) if random.random() < 0.05 else serve(user)

    spans: list[Any] = []
    watched = ASGIMiddleware(app, Tracing(to=[spans.append]), RequestLog(), ErrorReport(), AuditTrail())
    answers: dict[str, str] = {}

    async def request(user: str, request_id: str) -> None:
        body: list[bytes] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        async def send(message: Any) -> None:
            await asyncio.sleep(0)
            body.append(message.get("body", b""))

        headers = [(b"x-user", user.encode()), (b"x-request-id", request_id.encode())]
        await watched(
            {"type": "http", "method": "POST", "path": "/work", "query_string": b"", "headers": headers}, receive, send
        )
        assert json.loads(b"".join(body)) == user
        answers[request_id] = user

    async def visit(user: str) -> None:
        for number in range(REQUESTS):
            await request(user, f"{user}-{number}")

    async def everyone() -> None:
        await asyncio.gather(*(visit(f"user{number}") for number in range(USERS)))

    asyncio.run(everyone())
    check(lines, spans, answers)


def test_threads(lines: Any) -> None:
    """32 threads, which keep their context from request to request as a server's do."""
    app = flask.Flask("mixups")

    @app.post("/work")
    def work() -> Any:
        user = flask.request.headers["x-user"]

        def body() -> Iterator[str]:
            yield serve(user)

        return app.response_class(flask.stream_with_context(body())) if random.random() < 0.5 else serve(user)

    spans: list[Any] = []
    app.wsgi_app = WSGIMiddleware(  # type: ignore[method-assign]
        app.wsgi_app, Tracing(to=[spans.append]), RequestLog(), ErrorReport(), AuditTrail()
    )
    answers: dict[str, str] = {}

    def request(user: str, number: int) -> None:
        request_id = f"{user}-{number}"
        headers = [("x-user", user), ("x-request-id", request_id), ("host", "a")]
        assert call_wsgi(app, "POST", "/work", headers=headers, validate=False).body.decode() == user
        assert midwatch.current() is None
        answers[request_id] = user

    visits = [(f"user{user}", number) for number in range(REQUESTS) for user in range(USERS)]
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(request, *zip(*visits, strict=True)))
    check(lines, spans, answers)
