"""PostgreSQL answers every question as SQLite does."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from midwatch.audit.query import Filter, Trail, open_trail
from midwatch.audit.stores import open_store

from ..audit.query import million
from .postgresql import PostgreSQL, database, postgresql

__all__ = ["database", "postgresql"]

pytestmark = pytest.mark.live


@pytest.fixture
def both(postgresql: PostgreSQL, database: str, tmp_path: Path) -> Iterator[tuple[Trail, Trail]]:
    urls = (postgresql.url(database), f"sqlite:///{tmp_path}/audit.db")
    for url in urls:
        store = open_store(url)
        store.open()
        million.fill(store, 5000)
        store.close()
    with open_trail(urls[0]) as one, open_trail(urls[1]) as other:
        yield one, other


WANTED = (
    Filter(),
    Filter(since=million.END - million.DAY),
    Filter(actor="u-3", until=million.END),
    Filter(kind="auth", outcome="failure"),
    Filter(resource="order:7"),
    Filter(tenant="nobody"),
)


def test_the_answers_are_the_same(both: tuple[Trail, Trail]) -> None:
    one, other = both
    for wanted in WANTED:
        assert told(one, wanted) == told(other, wanted)


def told(trail: Trail, wanted: Filter) -> list[Any]:
    ids = [event["id"] for event in trail.events(wanted)]
    return [trail.stats(wanted, top=5000).as_dict(), [one.as_dict() for one in trail.findings(wanted)], ids]


def test_a_question_that_is_given_up_leaves_the_trail_usable(both: tuple[Trail, Trail]) -> None:
    for trail in both:
        assert len(list(islice(trail.events(), 3))) == 3
        assert trail.stats().total.events == 5440
