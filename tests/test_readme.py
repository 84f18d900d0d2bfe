"""The README is true: every snippet runs, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import midwatch
from midwatch.testing import call_asgi, call_wsgi

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_snippets_run(number: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As they stand; what they make can be called."""
    source = SNIPPETS[number].replace("/tmp/", f"{tmp_path}/")
    names: dict[str, Any] = {"__name__": "readme"}

    exec(compile(source, f"README snippet {number}", "exec"), names)

    app = names.get("app")
    if app is not None:
        call = call_wsgi if hasattr(app, "wsgi_app") else call_asgi
        answer = call(app, path="/health")
        assert (answer.status, answer.header("x-request-id") is not None) == (200, True)


def test_short_and_complete() -> None:
    """At most 150 lines; every exported name that a user calls is explained somewhere."""
    assert README.count("\n") <= 150
    documents = README + (ROOT / "docs" / "settings.md").read_text() + (midwatch.plugin.__doc__ or "")
    assert [
        name for name in midwatch.__all__ if name not in documents + "Actor Outcome SettingsError flush inject"
    ] == []


@pytest.mark.parametrize("target", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_links_lead_somewhere(target: str) -> None:
    """Relative links."""
    assert (ROOT / target).exists()


def test_commands_are_in_the_makefile() -> None:
    """What the README says to run can be run."""
    makefile = (ROOT / "Makefile").read_text()
    for command in set(re.findall(r"(?:^|`)make (\w+)", README, re.MULTILINE)):
        assert re.search(rf"^{command}:", makefile, re.MULTILINE), command
