"""The pages about metrics and health are true: their snippets run, and their tables name what there is."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from midwatch.health import HealthCheck
from midwatch.health.builtin import described
from midwatch.health.report import PROFILES
from midwatch.metrics import application
from midwatch.metrics.application import Applications
from midwatch.settings import load
from midwatch.testing import ScriptedApp, call_asgi

DOCS = Path(__file__).parents[1] / "docs"
METRICS, HEALTH = ((DOCS / name).read_text() for name in ("metrics.md", "health.md"))


def snippet(page: str, holding: str) -> str:
    sources: list[str] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (found,) = [source for source in sources if holding in source]
    return found


def test_metrics_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The snippet runs."""
    monkeypatch.setattr(application, "applications", Applications())
    names: dict[str, Any] = {}
    exec(compile(snippet(METRICS, "refunds"), "metrics.md", "exec"), names)
    assert {"refunds", "carts", "quotes"} <= names.keys()


def test_objectives_and_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings are accepted."""
    package = tmp_path / "orders"
    package.mkdir()
    for name, text in (("__init__", ""), ("db", "def engine(): ...\n"), ("health", "def stock(): ...\n")):
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for page, holding in ((METRICS, "objectives"), (HEALTH, "broker")):
        names: dict[str, Any] = {}
        exec(compile(snippet(page, holding), "page", "exec"), names)
        load(names["MIDWATCH"])
    for name in [name for name in sys.modules if name.partition(".")[0] == "orders"]:
        del sys.modules[name]


def test_every_built_in_check_and_profile_is_told() -> None:
    """As they are written."""
    assert [form for form, meaning in described() if f"| `{form}` | {meaning} |" not in HEALTH] == []
    assert [profile for profile in PROFILES if f"| `{profile}` |" not in HEALTH] == []


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/health/startup"])
def test_every_path_is_answered(path: str) -> None:
    """By a plugin without settings."""
    from midwatch import ASGIMiddleware

    assert f"| `{path}` |" in HEALTH
    assert call_asgi(ASGIMiddleware(ScriptedApp().asgi, HealthCheck()), path=path).status == 200
