"""The inventory names what an event really holds."""

from __future__ import annotations

import re

from midwatch.audit import event
from midwatch.audit.describe import FIELDS


def test_its_fields_are_those_of_the_table() -> None:
    rows = [line.split("|")[1] for line in (event.__doc__ or "").splitlines() if line.startswith("| `")]
    table = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    told = [name for names in FIELDS for name in names.split(", ")]
    assert len(table) > 20
    assert sorted(told) == sorted(table)
