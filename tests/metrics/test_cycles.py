"""An application that starts and stops again and again leaves nothing behind: no thread, file, callback or slot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("cycling.py")


@pytest.mark.parametrize("which", ["same", "new"])
def test_nothing_is_left(tmp_path: Path, which: str) -> None:
    """Of one application that is used again, and of one that is made for each start."""
    command = [sys.executable, str(SCRIPT), str(tmp_path / "figures"), which]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
