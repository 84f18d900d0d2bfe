"""The lines that reports leave, through real logging."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from midwatch.logs.formatter import JsonFormatter

if TYPE_CHECKING:
    from collections.abc import Iterator


class Lines(logging.Handler):
    """Keeps what a handler would write, as text and parsed."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.texts: list[str] = []
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.texts.append(self.format(record))

    @property
    def all(self) -> list[dict[str, Any]]:
        assert not any("\n" in text for text in self.texts)
        return [json.loads(text) for text in self.texts]

    @property
    def one(self) -> dict[str, Any]:
        (line,) = self.all
        return line


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    logger = logging.getLogger("midwatch.error")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
