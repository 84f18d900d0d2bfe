"""The package that the examples of the reference name."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Importable while the test runs."""
    package = tmp_path / "orders"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "health.py").write_text("def database(): ...\nasync def stock(): ...\nlimit = 5\n")
    (package / "watch.py").write_text(
        "from midwatch import Plugin\nclass SlowOrders(Plugin):\n    def on_finish(self, exchange): ...\n"
        "class Idle(Plugin): ...\nready = SlowOrders()\n"
        "class Lazy:\n    def __getattr__(self, name): raise OSError('gone')\nlazy = Lazy()\n"
        "def tenant(exchange): return 'acme'\n"
        "class Fails(SlowOrders):\n    def __init__(self): raise RuntimeError('no https://user:secret@host')\n"
        "class NeedsMore(SlowOrders):\n    def __init__(self, threshold): ...\n"
    )
    (package / "privacy.py").write_text("def shown(name, value): return value\n")
    (package / "errors.py").write_text("def group(error, route): return None\n")
    (package / "broken.py").write_text("import a_module_that_is_missing\n")
    (package / "quits.py").write_text("raise SystemExit(3)\n")
    (package / "leaks.py").write_text("raise RuntimeError('cannot reach postgresql://app:hunter2@db/orders')\n")
    (package / "mute.py").write_text("class Mute(Exception):\n    def __str__(self): raise TypeError\nraise Mute\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "orders"]:
        del sys.modules[name]
