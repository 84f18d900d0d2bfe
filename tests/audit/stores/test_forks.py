"""Threads that fork."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

FORKS = """
import os, sys, threading

begun, go_on = threading.Event(), threading.Event()

def wait():
    if threading.current_thread().name == "first":
        begun.set()
        assert go_on.wait(20)

os.register_at_fork(before=wait)  # The first one registered is the last one called.

sys.path.insert(0, sys.argv[1])
from rows import events
from midwatch.audit.stores import forks, open_store

forks.PATIENCE = 0.5
store = open_store(sys.argv[2])
store.open()

def fork():
    pid = os.fork()
    if not pid:
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0

ended = threading.Event()

def append():
    assert ended.wait(60)
    store.append(events(1, 3))

third = threading.Thread(target=append, daemon=True)
third.start()  # Before the others end, for it might be taken for one of them.
first, second = threading.Thread(target=fork, name="first"), threading.Thread(target=fork)
first.start()
assert begun.wait(20)
second.start()
second.join(1)  # It waits for half a second for what the first has taken; then for locks of others.
go_on.set()
first.join(20)
second.join(20)
ended.set()
third.join(5)
print(third.is_alive())
"""


def test_threads_that_fork_at_once_leave_no_lock_behind(tmp_path: Path) -> None:
    """Each gives back what it has taken, and nothing else; the trail goes on."""
    url = f"sqlite:///{tmp_path}/audit.db"
    told = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKS, str(HERE), url]
    done = subprocess.run(told, capture_output=True, text=True, timeout=90, check=False)
    assert (done.stdout, done.stderr) == ("False\n", "")
