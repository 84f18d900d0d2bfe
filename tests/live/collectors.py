"""The collectors that tests are run against, one after the other."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from .rotel import rotel
from .zipkin import zipkin

if TYPE_CHECKING:
    import httpx

    from .received import Received

__all__ = ["Collector", "collector", "rotel", "to", "zipkin"]

NAMES = ["zipkin", "rotel"]


class Collector(Protocol):
    """What they have in common."""

    name: str

    @property
    def to(self) -> str:
        """As a destination in the settings."""

    def post(self, body: bytes, **headers: str) -> httpx.Response:
        """Send *body* as it is."""

    def trace(self, trace_id: str, spans: int = 1) -> list[Received]:
        """The spans of a trace, once there are at least so many."""


@pytest.fixture(scope="session")
def to(request: pytest.FixtureRequest) -> str:
    """All that are installed, as the setting `trace.to` in JSON: every service sends to each."""
    found = []
    for name in NAMES:
        with contextlib.suppress(pytest.skip.Exception):
            found.append(request.getfixturevalue(name).to)
    return json.dumps(found)


@pytest.fixture(params=NAMES)
def collector(request: pytest.FixtureRequest) -> Any:
    """Each of them; skipped where it is not installed."""
    return request.getfixturevalue(request.param)
