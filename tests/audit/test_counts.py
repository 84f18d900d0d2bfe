"""Counting events, from wherever they are made."""

from __future__ import annotations

import os
import signal
import threading

from midwatch.audit import counts
from midwatch.audit.counts import count


def test_a_child_counts_its_own_whoever_held_the_lock() -> None:
    """A thread that counts at the moment of the fork must not stop the child for ever."""
    count("request", "success")
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with counts._lock:
            held.set()
            over.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        count("action", "denied")
        os.write(writing, repr(counts.counts()).encode())
        os._exit(0)
    over.set()
    thread.join()
    os.close(writing)
    with os.fdopen(reading) as file:
        assert file.read() == "{('action', 'denied'): 1}"
    assert os.waitpid(child, 0)[1] == 0


def test_a_signal_handler_may_count_in_between() -> None:
    before = counts.counts().get(("request", "error"), 0)
    with counts._lock:
        count("request", "error")
    assert counts.counts()["request", "error"] == before + 1
