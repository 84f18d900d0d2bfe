"""The two stores that need no server, put through what every store promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from .contract import StoreContract


class TestSQLite(StoreContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/audit.db"


class TestFile(StoreContract):
    removes = False

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"file://{tmp_path}/audit.jsonl"
