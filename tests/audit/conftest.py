"""What the tests of the audit trail share."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from midwatch import Plugin
from midwatch.audit import AuditTrail
from midwatch.service import Service

NOW = 1_767_225_600_123_456_789
"""2026-01-01T00:00:00.123456789Z in nanoseconds."""


class Trail:
    """An `AuditTrail` whose lines are at hand, with a clock that stands still and ids that count."""

    def __init__(self, **options: Any) -> None:
        self.lines: list[str] = []
        counter = itertools.count(1)
        options = {"to": self.lines.append, "clock": lambda: NOW, "ids": lambda _bits: next(counter), **options}
        self.plugin = AuditTrail(service=Service("orders", "1.4.2", "production"), **options)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The events but for those of the trail itself."""
        found = [json.loads(line)["body"] for line in self.lines]
        return [body for body in found if body["kind"] != "system"]

    @property
    def body(self) -> dict[str, Any]:
        """The only event."""
        (body,) = self.bodies
        return body


class Put(Plugin):
    """Sets attributes of each exchange, as other plugins would."""

    def __init__(self, **attributes: Any) -> None:
        self._attributes = attributes

    def on_request(self, exchange: Any) -> None:
        for name, value in self._attributes.items():
            setattr(exchange, name, value)


@pytest.fixture
def trail() -> Trail:
    return Trail()


@pytest.fixture
def make_trail() -> Callable[..., Trail]:
    return Trail


@pytest.fixture
def put() -> type[Put]:
    return Put
