"""sentry-sdk beside us, in real servers: each exception is exactly one event at the tracker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from .services import GUNICORN, UVICORN, Services
from .trackers import CANARY, Bugsink, ask, needed, ours, running

pytest.importorskip("sentry_sdk")
pytestmark = pytest.mark.live

KINDS = ("reserve", "look-up", "fan-out")
MANY = 4


@pytest.fixture
def bugsink(tmp_path: Path) -> Iterator[Bugsink]:
    needed("bugsink")
    folder = tmp_path / "bugsink"
    folder.mkdir()
    yield from running(Bugsink.start(folder))


@pytest.mark.parametrize(("server", "app"), [(UVICORN, "failing"), (GUNICORN, "failing_flask")], ids=["asgi", "wsgi"])
def test_each_exception_is_one_event(tmp_path: Path, bugsink: Bugsink, server: list[str], app: str) -> None:
    """The SDK's, with our ids, though both of us are told of the same tracker."""
    with Services(tmp_path) as services:
        url = services.start(server, app, TRACKER=ours(bugsink.dsn), BESIDE=bugsink.dsn, CANARY=CANARY)
        for number in range(MANY):
            for kind in KINDS:
                ask(url, kind, number)
    events = bugsink.events()
    assert Counter(event["sdk"]["name"].partition(".")[0] for event in events) == {"sentry": MANY * len(KINDS)}
    tags = [dict(event["tags"]) for event in events]
    assert len({told["request_id"] for told in tags}) == MANY * len(KINDS)
    assert len({told["trace_id"] for told in tags}) == MANY * len(KINDS)
    assert len({told["midwatch.fingerprint"] for told in tags}) == len(KINDS)
