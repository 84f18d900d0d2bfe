"""`midwatch audit verify`: what it finds, and with which exit code it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from midwatch import ASGIMiddleware, AuditTrail
from midwatch.cli import main
from midwatch.service import Service
from midwatch.testing import ScriptedApp, call_asgi

RUN = [sys.executable, "-c", "import sys; from midwatch.cli import main; sys.exit(main())"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def audit_lines() -> list[str]:
    """What a trail wrote of two changes, and a line of something else."""
    lines: list[str] = ["something else"]
    trail = AuditTrail(to=lines.append, service=Service("shop"))
    app = ASGIMiddleware(ScriptedApp().asgi, trail)
    for path in ("/orders", "/refunds"):
        call_asgi(app, "POST", path)
    trail.close()
    return lines


def write(name: str, lines: list[str]) -> str:
    Path(name).write_text("".join(f"{line}\n" for line in lines))
    return name


def test_audit_verify(audit_lines: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A sound chain ends with 0, over rotated files too, and is told stream by stream."""
    names = [write("audit.jsonl.1", audit_lines[:2]), write("audit.jsonl", audit_lines[2:])]
    assert main(["audit", "verify", *names]) == 0
    out, words = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert "  shop on " in out
    assert out.endswith("  4 events  closed\n")
    assert words == "sound: 4 events in 1 streams\n"


def test_audit_tampered(audit_lines: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """An altered event ends with 1, and the place of the first is told."""
    altered = [*audit_lines[:3], audit_lines[3].replace("success", "failure"), *audit_lines[4:]]
    assert altered != audit_lines
    names = [write("audit.jsonl.1", altered[:2]), write("audit.jsonl", [*altered[2:], '{"seq" "stream"'])]
    assert main(["audit", "verify", *names]) == 1
    out, words = capsys.readouterr()
    assert "altered at audit.jsonl:2, event 2: " in out
    assert words == "NOT SOUND: 4 events in 1 streams; 1 lines were no valid JSON and are not counted\n"
    assert main(["audit", "verify", "--json", *names]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["sound"], told["events"], told["foreign"], told["unreadable"]) == (False, 4, 1, 1)
    assert told["streams"][0]["problem"]["line"] == "audit.jsonl:2"
    assert main(["audit", "verify", write("cut.jsonl", audit_lines[:-1])]) == 0
    assert capsys.readouterr().out.endswith("3 events  open: nothing tells what came after it\n")


def test_audit_unreadable(capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be read, or holds no event, verifies nothing: it ends with 2."""
    assert main(["audit", "verify", "nothing.jsonl"]) == 2
    assert capsys.readouterr().err.startswith("error: nothing.jsonl: No such file or directory\n")
    assert main(["audit", "verify", write("empty.jsonl", [])]) == 2
    assert capsys.readouterr().err == "error: empty.jsonl: no audit event in it: nothing was verified\n"


def test_audit_from_stdin(audit_lines: list[str]) -> None:
    """`-` is stdin."""
    done = subprocess.run(
        [*RUN, "audit", "verify", "-"], input="\n".join(audit_lines).encode(), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"sound: 4 events in 1 streams\n")
