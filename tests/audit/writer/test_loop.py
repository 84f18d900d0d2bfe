"""The threads of the writer."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from midwatch.audit.writer import Writer
from midwatch.audit.writer import loop as loops
from midwatch.audit.writer.loop import Loop

from .shelf import LONG, Shelf, actions, body

if TYPE_CHECKING:
    import pytest

Make = Callable[..., Writer]


def test_it_starts_when_called_and_ends_when_told() -> None:
    turned, ended = threading.Semaphore(0), threading.Event()
    loop = Loop("test", turned.release, ended.set)
    loop.end()
    assert not loop.running
    assert loop.ring()
    assert turned.acquire(timeout=LONG)
    loop.end()
    assert loop.join(LONG)
    assert ended.is_set()
    assert not loop.running


def test_a_turn_that_fails_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "REST", 0.01)
    turns = threading.Semaphore(0)
    fails = [SystemExit(), KeyboardInterrupt(), ValueError()]

    def turn() -> None:
        turns.release()
        if fails:
            raise fails.pop()

    loop = Loop("test", turn, lambda: None)
    loop.ring()
    for _ in range(4):
        assert turns.acquire(timeout=LONG)
    loop.end()
    assert loop.join(LONG)


def test_who_calls_while_it_ends_is_served() -> None:
    turns = threading.Semaphore(0)
    called: list[bool] = []

    def call() -> None:
        if not called:
            called.append(loop.ring())

    loop = Loop("test", turns.release, call)
    loop.ring()
    assert turns.acquire(timeout=LONG)
    loop.end()
    assert loop.join(LONG)
    assert called == [True]
    assert turns.acquire(timeout=LONG)


def test_without_threads_the_last_events_are_written_by_whoever_closes(
    make: Make, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(_self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuses)
    writer = make()
    ack = writer.put(body("last words"))
    assert writer.close(LONG)
    assert ack is not None
    assert ack.done()
    assert actions(shelf.rows.values()) == ["stream.open", "last words", "stream.close"]


def test_a_signal_handler_that_calls_in_the_midst_of_the_start_starts_no_other() -> None:
    turning: set[int] = set()
    loops_made: list[Loop] = []

    def ring(*_args: object) -> None:
        if loops_made:
            loops_made[-1].ring()

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    try:
        for _ in range(200):
            turning.clear()
            turned = threading.Event()

            def turn(turned: threading.Event = turned) -> None:
                turning.add(threading.get_ident())
                turned.set()

            loops_made.append(loop := Loop("test", turn, lambda: None))
            loop.ring()
            assert turned.wait(LONG)
            named = [thread for thread in threading.enumerate() if thread.name == "test"]
            assert (len(named), len(turning)) == (1, 1)
            loops_made.clear()
            loop.end()
            assert loop.join(LONG)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
