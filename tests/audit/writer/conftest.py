"""A writer whose store is at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from midwatch.audit.writer import Writer

from .shelf import SERVICE, Shelf

Make = Callable[..., Writer]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spill"


@pytest.fixture
def make(shelf: Shelf, folder: Path) -> Iterator[Make]:
    """Make a writer; it is closed in the end."""
    made: list[Writer] = []

    def begin(store: Any = None, **options: Any) -> Writer:
        made.append(Writer(store or shelf, **{"service": SERVICE, "spill": folder, **options}))
        return made[-1]

    yield begin
    shelf.fail(None)
    shelf.go_on()
    for writer in made:
        writer.close(10)


@pytest.fixture
def writer(make: Make) -> Writer:
    return make()
