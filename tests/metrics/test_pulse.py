"""Once a second, whatever the turns do."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from typing import Any

import pytest

from midwatch import plugin
from midwatch.metrics.pulse import Pulse

SOON = 0.005


others: set[threading.Thread] = set()


def threads() -> list[threading.Thread]:
    """Those that this test started."""
    return [thread for thread in threading.enumerate() if thread.name == "midwatch-pulse" and thread not in others]


def counted(number: int) -> tuple[Any, threading.Event]:
    """A turn, and an event that is set when it was called so often."""
    enough, calls = threading.Event(), [0]

    def turn() -> None:
        calls[0] += 1
        if calls[0] == number:
            enough.set()

    return turn, enough


@pytest.fixture(autouse=True)
def _nothing_left() -> Any:
    others.update(threads())
    yield
    for thread in threads():
        thread.join(30)
    assert not threads()
    others.clear()


def test_turns_are_called_again_and_again() -> None:
    """By one thread, also of who starts it twice."""
    pulse = Pulse(SOON)
    turn, enough = counted(5)
    pulse.each(turn)
    pulse.start()
    pulse.start()
    assert len(threads()) == 1
    assert threads()[0].daemon
    assert enough.wait(30)
    pulse.stop()


def test_it_can_start_again() -> None:
    """As servers do that are started twice in one process."""
    pulse = Pulse(SOON)
    pulse.start()
    pulse.stop()
    pulse.stop()
    turn, enough = counted(2)
    pulse.each(turn)
    pulse.start()
    assert enough.wait(30)
    pulse.stop()


def test_a_turn_that_raises_disturbs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """It is counted each time and logged once a minute."""
    pulse = Pulse(SOON)

    def broken() -> None:
        raise ValueError("mine")

    turn, enough = counted(3)
    pulse.each(broken)
    pulse.each(turn)
    before = plugin.failures.get(broken.__qualname__, 0)
    pulse.start()
    assert enough.wait(30)
    pulse.stop()
    assert plugin.failures[broken.__qualname__] - before >= 2
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_a_scrape_has_its_round_at_once() -> None:
    """In its own thread, without the pulse."""
    pulse = Pulse(3600)
    seen: list[threading.Thread] = []
    pulse.each(lambda: seen.append(threading.current_thread()))
    pulse.now()
    assert seen == [threading.current_thread()]


def test_a_scrape_does_not_wait_for_a_turn_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on without the round, and nothing runs twice at a time."""
    monkeypatch.setattr("midwatch.metrics.pulse.PATIENCE", 0.01)
    pulse = Pulse(SOON)
    entered, gate, calls = threading.Event(), threading.Event(), []

    def hang() -> None:
        calls.append(1)
        entered.set()
        assert gate.wait(30)

    pulse.each(hang)
    pulse.start()
    assert entered.wait(30)
    pulse.now()
    assert len(calls) == 1
    pulse.stop()
    gate.set()


def test_the_thread_ends_with_what_it_serves() -> None:
    """Nobody has to stop it."""
    pulse = Pulse(SOON)
    gone = weakref.ref(pulse)
    pulse.start()
    (thread,) = threads()
    del pulse
    while gone() is not None:  # The thread itself holds it while it turns.
        gc.collect()
    thread.join(30)
    assert not thread.is_alive()


def test_a_forked_child_starts_its_own() -> None:
    """The parent's thread is not there; a lock that it held at the fork is no matter."""
    pulse = Pulse(SOON)
    turn, enough = counted(1)
    pulse.each(turn)
    entered, gate = threading.Event(), threading.Event()
    pulse.each(entered.set)
    pulse.each(lambda: gate.wait(30))
    pulse.start()
    assert entered.wait(30)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        enough.clear()
        fine = pulse._stopped is None
        fresh, again = counted(2)
        pulse._turns = (fresh,)
        pulse.start()
        os.write(write, b"y" if fine and again.wait(30) else b"n")
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        assert pipe.read() == b"y"
    os.waitpid(child, 0)
    pulse.stop()
    gate.set()


def test_without_threads_there_is_no_pulse_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next start is one."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    pulse = Pulse(SOON)
    turn, enough = counted(1)
    pulse.each(turn)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        pulse.start()
    assert not threads()
    pulse.start()
    assert enough.wait(30)
    pulse.stop()
