"""
Twenty answered requests, then SIGTERM at once.

uvicorn runs no `atexit` on SIGTERM, which is how others lose the last batch of every deploy.
"""

from __future__ import annotations

from typing import Any

import pytest

from midwatch.audit import verify

pytestmark = pytest.mark.live

CASES = [
    ("uvicorn", "fastapi_app"),
    ("uvicorn", "bare_app"),
    ("hypercorn", "fastapi_app"),
    ("granian", "fastapi_app"),
    ("gunicorn asgi", "fastapi_app"),
    ("gunicorn", "flask_app"),
    ("gunicorn threads", "flask_app"),
    ("gunicorn preload", "flask_app"),
]
"""Every server that tells its applications that it stops; waitress and granian's WSGI leave only the flush interval."""


@pytest.mark.parametrize(("server", "app"), CASES)
def test_nothing_is_lost(serve: Any, client: Any, server: str, app: str) -> None:
    """Twenty lines, twenty spans, twenty audit events, and a chain that is sound."""
    running = serve(server, app)

    answers = [client.post(f"{running.url}/orders") for _ in range(20)]
    running.stop()

    assert [answer.status_code for answer in answers] == [200] * 20
    told = {answer.headers["x-request-id"] for answer in answers}
    assert {line["request_id"] for line in running.requests()} == told
    assert len(running.requests()) == 20
    assert {span["traceId"] for span in running.spans()} == {line["trace_id"] for line in running.requests()}
    assert len(running.spans()) == 20
    events = [line["body"] for line in running.lines("audit") if line["body"]["kind"] == "request"]
    assert {event["request_id"] for event in events} == told
    assert len(events) == 20
    report = verify((running.folder / "audit.jsonl").read_text().splitlines())
    assert report.sound, str(report)
    assert len(report.closed) == len(report.streams)
