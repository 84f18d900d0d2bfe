"""What is logged, as one who reads the lines sees it; and loggers as they were before."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from midwatch.logs import DeliveryHandler, JsonFormatter
from midwatch.plugin import failures
from midwatch.service import Service

if TYPE_CHECKING:
    from midwatch.destinations import Line

SERVICE = Service("shop", "1.2", "test")


def read(line: str) -> dict[str, Any]:
    """The object of a line, which must be exactly one line to any reader, and JSON to a strict one."""
    assert line.splitlines() == [line]
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029]", line)
    assert line.encode()

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs), "a key that comes twice"
        return dict(pairs)

    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is not JSON")

    found: dict[str, Any] = json.loads(line, object_pairs_hook=once, parse_constant=refuse)
    return found


class Lines:
    """Lines in the order in which they were queued."""

    def __init__(self) -> None:
        self.queued: list[str | Line] = []
        self.handler = DeliveryHandler(self.queued.append, JsonFormatter(SERVICE))

    @property
    def texts(self) -> list[str]:
        """What a destination of another test says of itself is none of ours."""
        texts = [line if isinstance(line, str) else line.text() for line in self.queued]
        return [text for text in texts if '"logger":"midwatch.delivery"' not in text]

    @property
    def all(self) -> list[dict[str, Any]]:
        return [read(text) for text in self.texts]

    @property
    def one(self) -> dict[str, Any]:
        (line,) = self.all
        return line


@pytest.fixture(scope="session")
def read_line() -> Any:
    return read


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("", "midwatch", "midwatch.request", "midwatch.delivery", "app")]
    before = [(x.handlers[:], x.filters[:], x.level, x.propagate, x.disabled) for x in loggers]
    yield
    for logger, (handlers, filters, level, propagate, disabled) in zip(loggers, before, strict=True):
        logger.handlers[:], logger.filters[:] = handlers, filters
        logger.setLevel(level)
        logger.propagate, logger.disabled = propagate, disabled


@pytest.fixture(autouse=True)
def _nothing_failed() -> Iterator[None]:
    """No moment raises, whatever is logged."""
    before = dict(failures)
    yield
    assert failures == before


@pytest.fixture
def lines() -> Lines:
    """Lines of requests, and of whatever logger gets the handler."""
    lines = Lines()
    logger = logging.getLogger("midwatch")
    logger.addHandler(lines.handler)
    logger.setLevel(logging.INFO)
    return lines
