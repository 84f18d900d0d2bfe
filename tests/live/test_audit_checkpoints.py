"""Checkpoints in PostgreSQL: workers that are killed, a server that crashes, and another database as anchor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.audit.anchors import open_anchor, read
from midwatch.audit.checkpoints import Checkpointer
from midwatch.audit.stores import open_store
from midwatch.delivery import flush

from ..audit.checkpoints.conftest import LONG, SIGNER, Trail, committed, put, until
from ..audit.checkpoints.test_processes import (
    anchor,
    check,
    run,
    test_whoever_is_killed_leaves_the_lead_to_another,
    test_workers_that_fork_make_one_chain_and_the_last_of_them_covers_all,
)
from .postgresql import PostgreSQL, database, postgresql

__all__ = [
    "anchor",
    "database",
    "postgresql",
    "run",
    "test_whoever_is_killed_leaves_the_lead_to_another",
    "test_workers_that_fork_make_one_chain_and_the_last_of_them_covers_all",
]

pytestmark = pytest.mark.live


@pytest.fixture
def trail(postgresql: PostgreSQL, database: str) -> Iterator[Trail]:
    made = Trail(postgresql.url(database))
    yield made
    made.close()


def test_a_server_that_crashes_leaves_no_second_chain(trail: Trail, postgresql: PostgreSQL, tmp_path: Path) -> None:
    writer = trail.writer()
    put(writer)
    one = Checkpointer(open_store(trail.url), log="orders", signer=SIGNER, every=0.2, events=1)
    try:
        one.start()
        until(lambda: one.state().n == 0)
        for _ in range(3):
            postgresql.crash()
        put(writer)
        trail.store.open()
        until(lambda: committed(trail.payloads()) == trail.heads())
    finally:
        one.close(LONG)
    check(trail, _empty(tmp_path))


def test_another_database_of_the_server_is_an_anchor(trail: Trail, postgresql: PostgreSQL) -> None:
    other = postgresql.new_database()
    put(trail.writer())
    place = open_anchor(postgresql.url(other))
    one = Checkpointer(open_store(trail.url), log="orders", signer=SIGNER, anchors=[place])
    try:
        one.start()
        until(lambda: one.state().n == 0)
        assert flush(LONG)
    finally:
        one.close(LONG)
    (found,) = read(postgresql.url(other))
    assert found.digest == trail.checkpoints()[0].digest.hex()
    assert place.name == f"postgresql://127.0.0.1:{postgresql.port}/{other}"


def _empty(folder: Path) -> Path:
    (folder / "anchors").touch()
    return folder / "anchors"
