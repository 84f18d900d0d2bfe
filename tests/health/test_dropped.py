"""Applications that nobody stops, and nobody holds any more: what they do without a request ends."""

from __future__ import annotations

import gc
import os
import signal
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midwatch import ASGIMiddleware, Plugin, WSGIMiddleware
from midwatch.health import Check, HealthCheck
from midwatch.health.drain import Drain
from midwatch.health.registries import Registrations, registry
from midwatch.health.turning import Wake
from midwatch.service import Service
from midwatch.testing import ScriptedApp, call_asgi, call_wsgi


def dropped(kind: str, plugin: Plugin) -> None:
    """One call of an application that is gone after it."""
    if kind == "asgi":
        call_asgi(ASGIMiddleware(ScriptedApp().asgi, plugin))
    else:
        call_wsgi(WSGIMiddleware(ScriptedApp().wsgi, plugin))
    gc.collect()


def ends(name: str, before: set[threading.Thread]) -> None:
    for thread in threading.enumerate():
        if thread.name == name and thread not in before:
            thread.join(20)
            assert not thread.is_alive()


@pytest.fixture(params=["asgi", "wsgi"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_checks_are_run_no_more(kind: str) -> None:
    before = set(threading.enumerate())
    ran = threading.Event()
    health = HealthCheck(checks={"it": Check(ran.set, interval=3600)})
    gone = weakref.ref(health.engine)
    dropped(kind, health)
    assert ran.wait(10)
    ends("midwatch-health", before)
    assert gone() is health.engine, "it may be used again"
    ran.clear()
    app = WSGIMiddleware(ScriptedApp().wsgi, health)
    for probe in health.engine.probes:
        probe._due = None
    call_wsgi(app)
    assert ran.wait(10)
    app.lifecycle.stop()


def test_a_file_is_looked_for_no_more(kind: str, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    drain = Drain(file=tmp_path / "drain", shared=tmp_path)
    dropped(kind, drain)
    ends("midwatch-drain-watch", before)
    (tmp_path / "drain").touch()
    assert not drain.draining


def test_the_signal_is_left_to_others() -> None:
    before = signal.getsignal(signal.SIGTERM)
    heard = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: heard.set())
    try:
        ours = signal.getsignal(signal.SIGTERM)
        dropped("wsgi", Drain(delay=600))
        assert signal.getsignal(signal.SIGTERM) is ours
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard.wait(10)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_registries_are_told_at_the_next_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    left, turned = threading.Event(), threading.Event()
    one = registry("consul://127.0.0.1:1", service=Service("orders", None), address="http://10.0.0.5:80")

    class Known:
        beat = 0.01

        def __getattr__(self, name: str) -> Callable[..., Any]:
            return lambda *_, **__: said.append(name)

        def leave(self, _: object) -> None:
            left.set()

    monkeypatch.setattr(one, "_registry", Known())
    turn = one.turn

    def turned_once() -> float:
        turn()
        turned.set()
        return 0.01

    monkeypatch.setattr(one, "turn", turned_once)
    before = set(threading.enumerate())
    plugin = Registrations([one])
    dropped("wsgi", plugin)
    assert left.wait(10)
    ends("midwatch-registry", before)
    assert said[0] == "register"


def test_waking_somebody_takes_no_lock_and_no_room() -> None:
    """The garbage collector may do so while the same thread falls asleep."""
    wake = Wake()
    for _ in range(1000):
        wake.set()
    assert wake._calls.qsize() == 1
    wake.wait(3600)
    wake.wait(0)
