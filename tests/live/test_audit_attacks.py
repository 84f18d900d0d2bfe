"""The attacks on a trail in PostgreSQL, by somebody who has its password; and its upkeep."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..audit.verify import test_attacks, test_upkeep
from ..audit.verify.conftest import Case, build, put_down
from .postgresql import PostgreSQL, database, postgresql

__all__ = ["database", "postgresql"]

pytestmark = pytest.mark.live

ELSEWHERE = {"test_a_store_that_takes_no_record_keeps_its_events", "test_the_root_is_the_same_leaf_by_leaf"}
"""Those that are about SQLite, or about no store."""

for module in (test_attacks, test_upkeep):
    for name, value in vars(module).items():
        if name.startswith("test_") and name not in ELSEWHERE:
            globals()[name] = value


@pytest.fixture
def case(postgresql: PostgreSQL, database: str) -> Iterator[Case]:
    made = build(postgresql.url(database))
    yield made
    put_down(made)
