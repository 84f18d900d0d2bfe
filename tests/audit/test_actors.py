"""200 users who ask at once, in tasks and in threads: nobody's name is on anybody else's event."""

from __future__ import annotations

from typing import Any

import pytest

from midwatch import ASGIMiddleware, Tracing, WSGIMiddleware

from .crowd import USERS, ask_all_by_tasks, ask_all_by_threads, check, fastapi_app, flask_app

# Thousands of requests: what they cover is covered elsewhere, and tracing them would take long.
pytestmark = pytest.mark.no_cover

REQUESTS = 10
"""Of each; a thousand are in the live tests."""


def test_tasks(trail: Any) -> None:
    users = ask_all_by_tasks(ASGIMiddleware(fastapi_app(), Tracing(to=[]), trail.plugin), REQUESTS)
    assert len(users) == USERS * REQUESTS
    assert check(trail.bodies, users) >= len(users)


def test_threads(trail: Any) -> None:
    app = flask_app()
    app.wsgi_app = WSGIMiddleware(app.wsgi_app, Tracing(to=[]), trail.plugin)  # type: ignore[method-assign]
    users = ask_all_by_threads(app, REQUESTS)
    assert len(users) == USERS * REQUESTS
    assert check(trail.bodies, users) >= len(users)
