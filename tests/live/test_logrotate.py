"""logrotate moves files away from a process that is never told: each line is in one of them, once and whole."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import midwatch
from midwatch.destinations import lines_to

pytestmark = pytest.mark.live

LINES = 3000
ROTATIONS = 6

WRITER = """
import json, sys
from midwatch import flush
from midwatch.destinations import lines_to
put = lines_to(f"file://{sys.argv[1]}")
for number in range(int(sys.argv[2])):
    put(json.dumps({"process": sys.argv[3], "number": number}))
    if number % 50 == 49:
        flush()
        print(number, flush=True)
        sys.stdin.readline()
"""


@pytest.fixture
def rotate(tmp_path: Path) -> list[str]:
    """The command that rotates the file once."""
    program = shutil.which("logrotate") or shutil.which("logrotate", path="/usr/sbin")
    if program is None:
        pytest.skip("logrotate is not installed")
    return [program, "--force", "--state", str(tmp_path / "state")]


@pytest.mark.parametrize("how", ["create 0600", "nocreate", "nocreate\ncompress"])
def test_every_line_is_in_one_file(tmp_path: Path, rotate: list[str], how: str) -> None:
    """Two processes write one file, which is rotated between and under their batches."""
    folder = tmp_path / "logs"
    folder.mkdir(mode=0o700)
    log = folder / "log.jsonl"
    conf = tmp_path / "conf"
    conf.write_text(f"{log} {{\nrotate 20\nmissingok\n{how}\n}}\n")
    conf.chmod(0o600)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(log), str(LINES), str(name)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in range(2)
    ]
    try:
        for step in range(LINES // 50):
            for writer in writers:
                assert writer.stdout is not None
                assert writer.stdout.readline()
            if step % (LINES // 50 // ROTATIONS) == 3:
                subprocess.run([*rotate, str(conf)], check=True, timeout=30)
            for writer in writers:
                assert writer.stdin is not None
                writer.stdin.write("\n")
                writer.stdin.flush()
        assert [writer.wait(20) for writer in writers] == [0, 0]
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    found = [json.loads(line) for path in folder.iterdir() for line in _lines(path)]
    assert len(list(folder.iterdir())) >= ROTATIONS
    assert sorted((line["process"], line["number"]) for line in found) == [
        (str(name), number) for name in range(2) for number in range(LINES)
    ]


def test_a_deleted_file_is_made_again(tmp_path: Path) -> None:
    """What comes after a deletion is in a new file of mode 0600."""
    log = tmp_path / "log.jsonl"
    put = lines_to(f"file://{log}")
    put("before")
    assert midwatch.flush()
    log.unlink()
    put("after")
    assert midwatch.flush()
    assert log.read_text() == "after\n"
    assert log.stat().st_mode & 0o777 == 0o600


def _lines(path: Path) -> list[str]:
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes()).decode().splitlines()
    return path.read_text().splitlines()
