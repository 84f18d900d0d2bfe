"""Running checks: together, each with its own deadline, once for all pollers, and never in anybody's way."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
import trio

from midwatch import ASGIMiddleware, Exchange, Plugin, WSGIMiddleware, current
from midwatch.health import Check, HealthCheck
from midwatch.health import loop as private
from midwatch.health.checks import load
from midwatch.health.probe import Probe
from midwatch.health.result import Status
from midwatch.health.run import Group
from midwatch.testing import ScriptedApp, call_asgi, call_wsgi

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = 30.0
SHORT = 0.05


def join(check: str) -> None:
    """Wait until the threads of a check are over."""
    for thread in threading.enumerate():
        if thread.name == f"midwatch-health-{check}":
            thread.join(10)
            assert not thread.is_alive()


async def later(value: object) -> object:
    await asyncio.sleep(0)
    return value


class Callable_:
    async def __call__(self) -> object:
        return await later(True)


class Awaited:
    def __await__(self) -> Any:
        return later("warn").__await__()


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (lambda: True, "pass"),
        (lambda: False, "fail"),
        (partial(later, None), "pass"),
        (partial(later, False), "fail"),
        (lambda: later("down"), "fail"),
        (Callable_(), "pass"),
        (partial(Awaited), "warn"),
    ],
)
def test_plain_and_async(door: Any, document: Any, call: Callable[[], object], status: str) -> None:
    """Plain and async checks run behind both doors, whatever kind of callable they are."""
    app = door.watch(ScriptedApp(), HealthCheck(checks={"it": call}))
    assert document(door.call(app, path="/health"))["status"] == status


class Loops(Plugin):
    """Keeps the event loop of the latest request."""

    def on_request(self, exchange: Exchange) -> None:
        self.latest = asyncio.get_running_loop()


def test_serving_loop(document: Any) -> None:
    """On ASGI an async check runs on the event loop that serves, where the application's pools live."""
    loops = Loops()
    ran: list[object] = []

    async def check() -> None:
        ran.append(asyncio.get_running_loop())

    checks = {"it": check, "also": lambda: check()}
    app = ASGIMiddleware(ScriptedApp().asgi, HealthCheck(checks=checks), loops)
    assert document(call_asgi(app, path="/health"))["status"] == "pass"
    assert ran == [loops.latest, loops.latest]


def test_private_loop(document: Any) -> None:
    """On WSGI async checks share one event loop for good, so that their pools keep working."""
    ran: list[object] = []

    async def check() -> None:
        ran.append(asyncio.get_running_loop())

    app = WSGIMiddleware(ScriptedApp().wsgi, HealthCheck(checks={"it": check, "also": check}))
    for _ in range(2):
        assert document(call_wsgi(app, path="/health"))["status"] == "pass"
    assert ran == [private.private_loop()] * 4


def test_wsgi_within_a_loop(document: Any) -> None:
    """A WSGI application called from a coroutine, as tests do, blocks that loop: async checks run elsewhere."""
    app = WSGIMiddleware(ScriptedApp().wsgi, HealthCheck(checks={"it": partial(later, True)}, timeout=LONG))

    async def main() -> Any:
        return call_wsgi(app, path="/health")

    assert document(asyncio.run(main()))["status"] == "pass"


def test_trio(ask_within: Any, document: Any) -> None:
    """Under trio there is no asyncio loop to run on, so async checks run on ours."""
    app = ASGIMiddleware(ScriptedApp().asgi, HealthCheck(checks={"it": partial(later, True)}))
    assert document(trio.run(ask_within, app, "/health"))["status"] == "pass"


def test_belongs_to_no_request(door: Any, document: Any) -> None:
    """A check answers for all pollers, so it runs within the exchange and the trace of none."""
    seen: list[object] = []

    async def check() -> None:
        seen.append(current())

    app = door.watch(ScriptedApp(), HealthCheck(checks={"plain": lambda: seen.append(current()), "async": check}))
    document(door.call(app, path="/health"))
    assert seen == [None, None]


def test_together(door: Any, document: Any) -> None:
    """Checks run at the same time: each of these waits for the others to start."""
    barrier = threading.Barrier(3, timeout=10)

    def check() -> None:
        barrier.wait()

    checks = {f"check {number}": check for number in range(3)}
    app = door.watch(ScriptedApp(), HealthCheck(checks=checks, timeout=LONG))
    assert document(door.call(app, path="/health"))["status"] == "pass"


@pytest.mark.parametrize(
    "error",
    [RuntimeError("x"), TimeoutError("x"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), StopIteration(),
     asyncio.CancelledError(), BaseExceptionGroup("x", [SystemExit()])],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
@pytest.mark.parametrize("kind", ["plain", "async"])
def test_raises(door: Any, outputs: Any, error: BaseException, kind: str) -> None:
    """A check that raises fails by the name of the class, even one that means to end the process."""

    def plain() -> None:
        raise error

    async def coroutine() -> None:
        raise error

    checks: dict[str, Any] = {"it": plain if kind == "plain" else coroutine, "other": lambda: True}
    app = door.watch(ScriptedApp(), HealthCheck(checks=checks))
    # A coroutine cannot raise StopIteration (PEP 479).
    name = "RuntimeError" if kind == "async" and isinstance(error, StopIteration) else type(error).__name__
    for _ in range(2):
        assert outputs(door.call(app, path="/health")) == {"it": name, "other": None}


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_hangs(door: Any, outputs: Any, released: threading.Event, kind: str) -> None:
    """A check that hangs fails at its own deadline; the others have their say."""

    async def forever() -> None:
        await asyncio.Event().wait()

    checks: dict[str, Any] = {"slow": Check(released.wait if kind == "plain" else forever, timeout=SHORT)}
    checks["other"] = lambda: "warn"
    app = door.watch(ScriptedApp(), HealthCheck(checks=checks, timeout=LONG))
    assert outputs(door.call(app, path="/health")) == {"slow": "timeout", "other": None}


def test_cancelled_at_the_deadline(door: Any, outputs: Any) -> None:
    """An async check is cancelled when its time is up, and starts afresh with the next run."""
    ended = threading.Event()
    runs: list[None] = []

    async def forever() -> None:
        runs.append(None)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    app = door.watch(ScriptedApp(), HealthCheck(checks={"it": forever}, timeout=SHORT))
    assert outputs(door.call(app, path="/health")) == {"it": "timeout"}
    assert ended.wait(10)
    assert runs == [None]


def test_stuck(door: Any, outputs: Any, released: threading.Event) -> None:
    """A check that is stuck is not started again: it occupies one thread, says since when, and may recover."""
    runs: list[None] = []

    def check() -> None:
        runs.append(None)
        released.wait()

    app = door.watch(ScriptedApp(), HealthCheck(checks={"it": check}, timeout=SHORT))
    assert outputs(door.call(app, path="/health")) == {"it": "timeout"}
    for path in ("/health", "/health/ready", "/health"):
        said = outputs(door.call(app, path=path))["it"]
        assert said.startswith("still running since 20")
    assert len(runs) == 1
    released.set()
    join("it")
    assert outputs(door.call(app, path="/health")) == {"it": None}
    assert len(runs) == 2


def test_stuck_coroutine(outputs: Any) -> None:
    """An async check that refuses to be cancelled is not started again either."""
    runs: list[asyncio.Event] = []

    async def check() -> None:
        released = asyncio.Event()
        runs.append(released)
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    app = WSGIMiddleware(ScriptedApp().wsgi, HealthCheck(checks={"it": check}, timeout=SHORT))
    assert outputs(call_wsgi(app, path="/health")) == {"it": "timeout"}
    assert outputs(call_wsgi(app, path="/health"))["it"].startswith("still running since")
    assert len(runs) == 1
    private.private_loop().call_soon_threadsafe(runs[0].set)


class Arrivals(Plugin):
    """Says when so many requests have come."""

    def __init__(self, number: int) -> None:
        self._left = number
        self._lock = threading.Lock()
        self.all = threading.Event()

    def on_request(self, exchange: Exchange) -> None:
        with self._lock:
            self._left -= 1
            if not self._left:
                self.all.set()


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_crowd(door: Any, crowd: Any, document: Any, kind: str) -> None:
    """Of 500 pollers at once each gets the answer, and the check ran once."""
    arrivals = Arrivals(500)
    runs: list[None] = []

    def plain() -> None:
        runs.append(None)
        arrivals.all.wait(LONG)

    async def coroutine() -> None:
        runs.append(None)
        await asyncio.to_thread(arrivals.all.wait, LONG)

    check: Any = plain if kind == "plain" else coroutine
    app = door.watch(ScriptedApp(), HealthCheck(checks={"it": check}, timeout=LONG), arrivals)
    answers = crowd(app, "/health", 500)
    assert [document(answer)["status"] for answer in answers] == ["pass"] * 500
    assert len(runs) == 1


def test_crowd_that_hangs(door: Any, crowd: Any, document: Any, released: threading.Event) -> None:
    """Of 500 pollers of a check that hangs each is told so, and one thread hangs."""
    runs: list[None] = []

    def check() -> None:
        runs.append(None)
        released.wait()

    app = door.watch(ScriptedApp(), HealthCheck(checks={"it": check}, timeout=0.2))
    answers = crowd(app, "/health", 500)
    assert [document(answer)["status"] for answer in answers] == ["fail"] * 500
    assert len(runs) == 1


def test_groups_share(released: threading.Event) -> None:
    """A check that two groups ask at the same time runs once for both."""
    runs: list[None] = []

    def check() -> None:
        runs.append(None)
        released.wait()

    probe = Probe("it", load("it", check, LONG), monotonic)
    (one, _), (other, stuck) = probe.run(None), probe.run(None)
    assert one is other
    assert not stuck
    released.set()
    assert one.reading(stuck=False).status is Status.PASS
    assert len(runs) == 1


def test_event_loop_is_free(document: Any, ask_within: Any, released: threading.Event) -> None:
    """While a check hangs the event loop serves other requests."""
    app = ASGIMiddleware(ScriptedApp().asgi, HealthCheck(checks={"it": released.wait}, timeout=LONG))

    async def main() -> Any:
        poll = asyncio.create_task(ask_within(app, "/health"))
        others = [await ask_within(app, "/orders") for _ in range(10)]
        assert not poll.done()
        assert [other.body for other in others] == [b"hello"] * 10
        released.set()
        return await poll

    assert document(asyncio.run(main()))["status"] == "pass"


def test_client_leaves(document: Any, ask_within: Any) -> None:
    """A poller that gives up takes nothing away from the others."""
    arrivals = Arrivals(2)
    app = ASGIMiddleware(
        ScriptedApp().asgi,
        HealthCheck(checks={"it": lambda: arrivals.all.wait(LONG)}, timeout=LONG),
    )

    async def main() -> Any:
        impatient, patient = [asyncio.create_task(ask_within(app, "/health")) for _ in range(2)]
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.gather(impatient, return_exceptions=True)
        arrivals.all.set()
        return await patient

    assert document(asyncio.run(main()))["status"] == "pass"


def no_threads(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Threads that are called *names* cannot be started, as when the process has too many."""
    start = threading.Thread.start

    def limited(thread: threading.Thread) -> None:
        if thread.name in names:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)


def test_out_of_threads(door: Any, document: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has no thread left to coordinate a run is not healthy, and says so."""
    app = door.watch(ScriptedApp(), HealthCheck(checks={"it": lambda: True}))
    no_threads(monkeypatch, "midwatch-health")
    assert document(door.call(app, path="/health")) == {"status": "fail"}
    monkeypatch.undo()
    assert document(door.call(app, path="/health"))["status"] == "pass"


def test_out_of_threads_for_a_check(door: Any, outputs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that gets no thread fails and says why."""
    app = door.watch(ScriptedApp(), HealthCheck(checks={"it": lambda: True}))
    no_threads(monkeypatch, "midwatch-health-it")
    assert outputs(door.call(app, path="/health")) == {"it": "no thread left to run in"}


def test_out_of_threads_for_the_loop(outputs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An async check that gets no event loop fails and says why."""
    app = WSGIMiddleware(ScriptedApp().wsgi, HealthCheck(checks={"it": partial(later, True)}))
    monkeypatch.setattr(private, "_loop", None)
    no_threads(monkeypatch, "midwatch-health-loop")
    assert outputs(call_wsgi(app, path="/health")) == {"it": "no event loop left to run in"}


def closed_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.close()
    return loop


def test_loop_closed() -> None:
    """The event loop may have closed since it was asked for: the check fails."""
    group = Group([Probe("it", load("it", partial(later, True), 1.0), lambda: 0.0)])
    ((_, reading),) = group.report(closed_loop()).result(10).readings
    assert reading.output == "no event loop left to run in"


def test_loop_closed_meanwhile() -> None:
    """A run that was lost with its event loop does not keep the check from being run again."""
    loop = asyncio.new_event_loop()
    group = Group([Probe("it", load("it", partial(later, True), SHORT), monotonic)])
    # This loop never runs, so the check never does.
    assert group.report(loop).result(10).status is Status.FAIL
    loop.close()
    assert group.report(None).result(10).status is Status.PASS


def test_broken_run(door: Any, document: Any) -> None:
    """Should running the checks itself break, the answer is fail, in time."""

    def broken() -> float:
        raise ArithmeticError("no clock")

    plugin = HealthCheck(checks={"it": lambda: True}, clock=broken)
    app = door.watch(ScriptedApp(), plugin)
    assert document(door.call(app, path="/health")) == {"status": "fail"}


FORK = """
import os, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from midwatch import WSGIMiddleware
from midwatch.health import HealthCheck
from midwatch.testing import ScriptedApp, call_wsgi
parent, begun = os.getpid(), threading.Event()
def check():
    if os.getpid() == parent:
        begun.set()
        threading.Event().wait()
async def coroutine():
    return True
app = WSGIMiddleware(ScriptedApp().wsgi, HealthCheck(checks={"it": check, "async": coroutine}, timeout=0.5))
assert call_wsgi(app, path="/health").status == 503
poller = threading.Thread(target=call_wsgi, args=(app,), kwargs={"path": "/health"}, daemon=True)
poller.start()
assert begun.wait(10)
child = os.fork()
if not child:
    os._exit(call_wsgi(app, path="/health").status // 100)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
assert call_wsgi(app, path="/health").status == 503
"""


def test_fork() -> None:
    """A forked worker has none of its parent's threads and asks everything afresh; the parent goes on."""
    done = subprocess.run([sys.executable, "-c", FORK], check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "check it: fail (timeout), was unknown\n")
