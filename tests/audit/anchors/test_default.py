"""The anchor "log" where nobody has set up logging: its line is to reach stdout, where the log collector reads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import midwatch, logging
from midwatch.audit import record
from wsgiref.util import setup_testing_defaults

def app(environ, start_response):
    record("order.buy")
    start_response("200 OK", [])
    return [b""]

app = midwatch.wrap(app, {settings!r}) if hasattr(midwatch, "wrap") else midwatch.install(app, {settings!r})
environ = {{}}
setup_testing_defaults(environ)
environ["REQUEST_METHOD"] = "POST"
b"".join(app(environ, lambda *_: None))
"""


@pytest.mark.parametrize("log", [None, False])
def test_the_checkpoint_is_on_stdout(tmp_path: Path, log: bool | None) -> None:
    settings = {
        "service": {"name": "orders"},
        "trace": {"to": []},
        "metrics": False,
        "audit": {"store": f"sqlite:///{tmp_path}/audit.db", "spill": str(tmp_path / "spill"), "anchors": ["log"]},
    }
    if log is not None:
        settings["log"] = log
    made = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(settings=settings)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = [json.loads(line) for line in made.stdout.splitlines() if "audit.checkpoint" in line]
    if log is None:
        assert found, made.stderr
        assert found[0]["audit"]["log"] == "orders"
    else:
        assert "no checkpoint is anchored" in made.stderr
