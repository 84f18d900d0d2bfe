"""Errors of a real server in a second tracker, which reads the protocol in its own way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .services import GUNICORN, UVICORN, Services
from .trackers import CANARY, Foxray, ask, needed, ours, running

pytestmark = pytest.mark.live


@pytest.fixture
def foxray(tmp_path: Path) -> Iterator[Foxray]:
    needed("foxray")
    folder = tmp_path / "foxray"
    folder.mkdir()
    yield from running(Foxray.start(folder))


@pytest.mark.parametrize(("server", "app"), [(UVICORN, "failing"), (GUNICORN, "failing_flask")], ids=["asgi", "wsgi"])
def test_three_kinds_of_errors_are_three_issues(tmp_path: Path, foxray: Foxray, server: list[str], app: str) -> None:
    with Services(tmp_path) as services:
        url = services.start(server, app, TRACKER=ours(foxray.dsn), CANARY=CANARY)
        for number in range(8):
            for kind in ("reserve", "look-up", "fan-out"):
                ask(url, kind, number)
    foxray.process.until(lambda: len(foxray.events()) == 15 or None)
    assert len(foxray.issues()) == 3
    assert CANARY not in str(foxray.events())
