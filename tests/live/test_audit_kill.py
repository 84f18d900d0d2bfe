"""
The audit trail of processes that are killed under load, and of a server that crashes under them.

How many are killed is in `MIDWATCH_KILLS`.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import wait
from pathlib import Path

import pytest

from midwatch.audit.stores import open_store
from midwatch.audit.writer import Writer

from ..audit.writer.shelf import SERVICE, actions, body, check, killed, streams_in
from .postgresql import PostgreSQL, database, postgresql

__all__ = ["database", "postgresql"]

pytestmark = pytest.mark.live

KILLS = int(os.environ.get("MIDWATCH_KILLS", "300"))


@pytest.mark.parametrize("at_once", [1, 4])
def test_with_sqlite_nothing_that_was_acknowledged_is_lost(tmp_path: Path, at_once: int) -> None:
    url, folder = f"sqlite:///{tmp_path}/audit.db", tmp_path / "spill"
    acknowledged = killed(url, folder, KILLS // 2, at_once, seed=at_once)
    assert len(acknowledged) > KILLS
    check(url, folder, acknowledged)


@pytest.mark.parametrize("at_once", [1, 4])
def test_with_postgresql_nothing_that_was_acknowledged_is_lost(
    tmp_path: Path, at_once: int, postgresql: PostgreSQL, database: str
) -> None:
    url, folder = postgresql.url(database), tmp_path / "spill"
    acknowledged = killed(url, folder, KILLS // 2, at_once, seed=at_once)
    assert len(acknowledged) > KILLS
    check(url, folder, acknowledged)


def test_a_server_that_crashes_is_made_up_for(tmp_path: Path, postgresql: PostgreSQL, database: str) -> None:
    url, folder = postgresql.url(database), tmp_path / "spill"
    writer = Writer(open_store(url), service=SERVICE, spill=folder)
    acks = []
    try:
        for round_ in range(4):
            if round_ in {1, 2}:
                postgresql.crash()
            for number in range(50):
                ack = writer.put(body(f"{round_}.{number}"))
                assert ack is not None
                acks.append(ack)
                ack.result(20)
        assert not wait(acks, 20).not_done
        until = time.monotonic() + 30
        while writer.state().spill_bytes or not writer.state().strict:
            assert time.monotonic() < until
            time.sleep(0.05)  # The writer tells nobody when it has caught up.
    finally:
        assert writer.close(20)
    (rows,) = streams_in(url)
    wanted = [f"{round_}.{number}" for round_ in range(4) for number in range(50)]
    assert actions(rows) == ["stream.open", *wanted, "stream.close"]
    check(url, folder, wanted)
