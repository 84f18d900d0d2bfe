"""200 users, 1000 requests each, in tasks and in threads, into a real store: no event has the wrong name on it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import midwatch

from ..audit.crowd import USERS, ask_all_by_tasks, ask_all_by_threads, check, fastapi_app, flask_app
from ..audit.writer.shelf import bodies, streams_in

pytestmark = pytest.mark.live

REQUESTS = int(os.environ.get("MIDWATCH_REQUESTS", "1000"))
"""Of each user, in all: half in tasks, half in threads."""


def settings(url: str, folder: Path) -> dict[str, Any]:
    return {
        "trace": {"to": []},
        "log": False,
        "metrics": False,
        "audit": {"store": url, "spill": str(folder), "anchors": []},
    }


@pytest.mark.parametrize("kind", ["tasks", "threads"])
def test_nobody_is_mistaken_for_anybody_else(tmp_path: Path, kind: str) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    app: Any = fastapi_app() if kind == "tasks" else flask_app()
    midwatch.install(app, settings(url, tmp_path / "spill"))
    if kind == "tasks":
        users = ask_all_by_tasks(app, REQUESTS // 2)
        door = vars(type(app))["__call__"].__self__
    else:
        users = ask_all_by_threads(app, REQUESTS // 2)
        door = app.wsgi_app
    door.lifecycle.stop()
    assert len(users) == USERS * (REQUESTS // 2)
    assert check((body for rows in streams_in(url) for body in bodies(rows)), users) >= len(users)
