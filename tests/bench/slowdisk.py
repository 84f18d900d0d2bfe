"""A disk that takes its time: `fsync` and `fdatasync` that return later, as those of a block device in a cloud do."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

__all__ = ["FLUSH", "environment"]

FLUSH: Final = 2.0
"""Milliseconds, in the middle of what cloud block devices take."""

SOURCE: Final = """
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>
static void late(void) { struct timespec rest = {0, NANOSECONDS}; nanosleep(&rest, 0); }
int fsync(int file) { late(); return syscall(SYS_fsync, file); }
int fdatasync(int file) { late(); return syscall(SYS_fdatasync, file); }
"""


def environment(folder: Path) -> dict[str, str] | None:
    """The environment of a process whose disk is slow; None without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    source, library = folder / "slow.c", folder / "slow.so"
    source.write_text(SOURCE.replace("NANOSECONDS", str(int(FLUSH * 1e6))))
    made = subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=False, capture_output=True)
    return None if made.returncode else {**os.environ, "LD_PRELOAD": str(library)}
