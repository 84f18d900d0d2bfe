"""Ten thousand errors of three kinds: a tracker has three issues, and people thirteen messages."""

from __future__ import annotations

import asyncio
import re
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

import midwatch

from ..ears import Ears
from .trackers import Bugsink, needed, ours

pytestmark = pytest.mark.live

ERRORS = 10_000
KINDS = (ValueError, KeyError, ArithmeticError)


def failing(settings: dict[str, Any]) -> Any:
    """Three routes, each with a bug of its own."""
    app = FastAPI()

    @app.get("/{kind}/{number}")
    async def fail(kind: int, number: int) -> None:
        raise KINDS[kind](f"order {number}")

    return midwatch.install(app, settings)


async def storm(app: Any) -> None:
    """The lifespan of a server around its requests, as fast as they are answered."""
    told: asyncio.Queue[str] = asyncio.Queue()
    done = asyncio.Event()

    async def serve_lifespan() -> None:
        async def receive() -> Any:
            if told.empty():
                return {"type": "lifespan.startup"}
            await done.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message: Any) -> None:
            await told.put(message["type"])

        await app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None: ...

    lifespan = asyncio.create_task(serve_lifespan())
    while told.empty():
        await asyncio.sleep(0)
    for number in range(ERRORS):
        path = f"/{number % 3}/{number}"
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
                 "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": [],
                 "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}  # fmt: skip
        with pytest.raises(KINDS[number % 3]):
            await app(scope, receive, send)
    done.set()
    await lifespan


def test_a_storm(tmp_path: Path) -> None:
    """First sights, steps and one digest; three issues, with events that the tracker has checked and stored."""
    needed("bugsink")
    folder = tmp_path / "bugsink"
    folder.mkdir()
    bugsink = Bugsink.start(folder)
    try:
        with Ears() as ears:
            hook = f"webhook+http://127.0.0.1:{ears.port('people', 'http')}/hook"
            errors = {"to": [ours(bugsink.dsn), hook]}
            settings = {"errors": errors, "log": False, "trace": False, "audit": False}
            asyncio.run(storm(failing(settings)))
            assert midwatch.flush(30)
            ears.until("people", b'"digest"')
            notices = Counter(re.findall(rb'"notice":"(\w+)"', ears.heard["people"]))
        assert notices == {b"first": 3, b"count": 9, b"digest": 1}
        issues = bugsink.issues()
        assert sorted(issue["calculated_type"] for issue in issues) == ["ArithmeticError", "KeyError", "ValueError"]
        assert "event data validation failed" not in bugsink.process.said()
    finally:
        bugsink.process.stop(signal.SIGINT)  # at once: our connection to it is still open
