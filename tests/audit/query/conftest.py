"""Each question is put to a database and to a file, and has one answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .trails import kept, url_of

if TYPE_CHECKING:
    from midwatch.audit.query import Trail


@pytest.fixture(params=["sqlite", "file"])
def ask(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Iterable[dict[str, Any]]], Trail]]:
    opened: list[Trail] = []

    def asked(bodies: Iterable[dict[str, Any]]) -> Trail:
        opened.append(kept(url_of(request.param, tmp_path), bodies))
        return opened[-1]

    yield asked
    for trail in opened:
        trail.close()
