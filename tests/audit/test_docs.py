"""What docs/audit.md shows, works as it stands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from tests.audit.cli.conftest import body, keep

from midwatch.audit import figures

PAGE: Final = (Path(__file__).parents[2] / "docs/audit.md").read_text("utf-8")

BLOCKS: Final = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

SNIPPETS: Final = [text for language, text in BLOCKS if language == "python"]

COMMANDS: Final = [line for language, text in BLOCKS if not language for line in text.splitlines()]


PROGRAM: Final = "import sys; from midwatch.cli import main; sys.exit(main())"


def run(*arguments: str, inside: Path, limit: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=inside, capture_output=True, text=True, timeout=limit, check=False
    )


def here(text: str, folder: Path) -> str:
    """*text* with the places that it names below *folder*."""
    return re.sub(r"/(?:var|etc)/(?:[\w-]+/)*", f"{folder}/", text)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_snippets_run_as_they_stand(snippet: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "audit").mkdir()
    code = here(snippet, tmp_path)
    if "MIDWATCH =" in code:
        code += "\nimport midwatch\nmidwatch.install(lambda environ, start: [], MIDWATCH)\n"
    done = run("-c", code, inside=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run_as_they_stand(command: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    store = keep(f"sqlite:///{tmp_path / 'audit.db'}", *map(body, range(10)))
    (tmp_path / "checkpoints.jsonl").touch()
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders/settings.py").write_text("MIDWATCH = {}\n", "utf-8")
    words = shlex.split(here(command, tmp_path).replace("STORE", store), comments=True)[1:]
    if "--key" in words:
        run("-c", PROGRAM, "audit", "keygen", "audit.key", inside=tmp_path)
    if words[1] == "tail":
        words.append("--help")  # it follows until it is stopped
    done = run("-c", PROGRAM, *words, inside=tmp_path)
    assert "Traceback" not in done.stderr
    judged = 2 if words[1] == "verify" else 0  # this store has no checkpoint that the key could have signed
    assert done.returncode == judged, (done.returncode, done.stderr)
    assert "unrecognized" not in done.stderr


def test_every_metric_is_named() -> None:
    source = Path(figures.__file__).read_text("utf-8")
    for name in re.findall(r'"midwatch_audit_(\w+)"', source):
        assert re.search(rf"`{name}(_total)?`", PAGE), name
