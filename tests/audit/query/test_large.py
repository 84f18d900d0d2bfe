"""Fifty thousand events: what is hidden in them is found, and memory does not grow with them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from midwatch.audit.query import Filter, open_trail
from midwatch.audit.stores import open_store

from . import million

ROOM = 12 << 20
"""Bytes; the bodies alone are more than that."""


@pytest.mark.no_cover  # Others cover what it does; tracing would double its time.
def test_the_attack_in_twenty_thousand_events_is_found_in_little_memory(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    store = open_store(url)
    store.open()
    million.fill(store, 20_000)
    store.close()
    with open_trail(url) as trail:
        assert (tmp_path / "audit.db").stat().st_size > ROOM
        tracemalloc.start()
        try:
            stats = trail.stats()
            found = trail.findings(Filter(since=million.END - million.DAY))
            told = sum(1 for _ in trail.events(Filter(since=million.END - 30 * million.DAY)))
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert stats.total.events == 20_440
    assert told > 4_000
    assert {("spraying", "203.0.113.9"), ("failures-then-success", "u-3"), ("mass-read", "u-3")} <= {
        (one.kind, one.subject) for one in found
    }
    assert most < ROOM
