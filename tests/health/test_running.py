"""Running checks: in the background, each with its own deadline, once for all pollers, and never in anybody's way."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio

from midwatch import ASGIMiddleware, WSGIMiddleware, current
from midwatch.health import Check, HealthCheck
from midwatch.health import loop as private
from midwatch.testing import ScriptedApp, call_wsgi

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
def test_plain_and_async(served: Any, door: Any, document: Any, call: Callable[[], object], status: str) -> None:
    """Plain and async checks run behind both doors, whatever kind of callable they are."""
    app = served(HealthCheck(checks={"it": call}))
    assert document(door.call(app, path="/health"))["status"] == status


def on_a_loop(health: HealthCheck, served: Any, ask_within: Any) -> tuple[Any, asyncio.AbstractEventLoop]:
    """What a poller on an event loop is told, after the checks have run there."""
    app = ASGIMiddleware(ScriptedApp().asgi, health)

    async def main() -> Any:
        await ask_within(app, "/health")
        await asyncio.to_thread(served.run, health)
        return await ask_within(app, "/health"), asyncio.get_running_loop()

    answer, loop = asyncio.run(main())
    return answer, loop


def test_serving_loop(stepped: Any, document: Any, ask_within: Any) -> None:
    """On ASGI an async check runs on the event loop that serves, where the application's pools live."""
    ran: list[object] = []

    async def check() -> None:
        ran.append(asyncio.get_running_loop())

    answer, loop = on_a_loop(HealthCheck(checks={"it": check, "also": lambda: check()}), stepped, ask_within)
    assert document(answer)["status"] == "pass"
    assert ran == [loop, loop]


def test_private_loop(stepped: Any) -> None:
    """On WSGI async checks share one event loop for good, so that their pools keep working."""
    ran: list[object] = []

    async def check() -> None:
        ran.append(asyncio.get_running_loop())

    health = HealthCheck(checks={"it": check, "also": check})
    app = WSGIMiddleware(ScriptedApp().wsgi, health)
    for _ in range(2):
        call_wsgi(app, path="/health")
        stepped.run(health)
    assert ran == [private.private_loop()] * 4


def test_not_before_the_application() -> None:
    """What an application opens at its start is there when checks run, which is before the first request."""
    opened, ran = threading.Event(), threading.Event()
    found: list[bool] = []

    def check() -> None:
        found.append(opened.is_set())
        ran.set()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await asyncio.sleep(0.05)  # what the scheduler would use, were it running
        opened.set()
        await send({"type": "lifespan.startup.complete"})
        assert await asyncio.to_thread(ran.wait, LONG)
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        pass

    watched = ASGIMiddleware(app, HealthCheck(checks={"it": check}))
    asyncio.run(watched({"type": "lifespan"}, receive, send))
    assert found[0] is True


def test_wsgi_within_a_loop(document: Any, stepped: Any) -> None:
    """A WSGI application called from a coroutine, as tests do, blocks that loop: async checks run elsewhere."""
    health = HealthCheck(checks={"it": partial(later, True)}, timeout=LONG)
    app = WSGIMiddleware(ScriptedApp().wsgi, health)

    async def main() -> Any:
        health.on_serving()
        health.engine.turn()
        call_wsgi(app, path="/health")
        stepped.run(health, again=False)
        return call_wsgi(app, path="/health")

    assert document(asyncio.run(main()))["status"] == "pass"


def test_trio(stepped: Any, ask_within: Any, document: Any) -> None:
    """Under trio there is no asyncio loop to run on, so async checks run on ours."""
    health = HealthCheck(checks={"it": partial(later, True)})
    app = ASGIMiddleware(ScriptedApp().asgi, health)
    trio.run(ask_within, app, "/health")
    stepped.run(health)
    assert document(trio.run(ask_within, app, "/health"))["status"] == "pass"


def test_belongs_to_no_request(door: Any) -> None:
    """A check answers for all pollers, so it runs within the exchange and the trace of none."""
    seen: list[object] = []
    both = threading.Event()

    def plain() -> None:
        seen.append(current())
        both.set()

    def before() -> None:
        assert both.wait(10)
        seen.append(current())

    door.call(door.watch(ScriptedApp(before=before), HealthCheck(checks={"it": plain})))
    assert seen[0] is None
    assert seen[1] is not None


def test_together(served: Any, door: Any, document: Any) -> None:
    """Checks run at the same time: each of these waits for the others to start."""
    barrier = threading.Barrier(3, timeout=10)

    def check() -> None:
        barrier.wait()

    checks = {f"check {number}": check for number in range(3)}
    app = served(HealthCheck(checks=checks, timeout=LONG))
    assert document(door.call(app, path="/health"))["status"] == "pass"


@pytest.mark.parametrize(
    "error",
    [RuntimeError("x"), TimeoutError("x"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), StopIteration(),
     asyncio.CancelledError(), BaseExceptionGroup("x", [SystemExit()])],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
@pytest.mark.parametrize("kind", ["plain", "async"])
def test_raises(served: Any, door: Any, outputs: Any, error: BaseException, kind: str) -> None:
    """A check that raises fails by the name of the class, even one that means to end the process."""

    def plain() -> None:
        raise error

    async def coroutine() -> None:
        raise error

    checks: dict[str, Any] = {"it": plain if kind == "plain" else coroutine, "other": lambda: True}
    health = HealthCheck(checks=checks)
    app = served(health)
    # A coroutine cannot raise StopIteration (PEP 479).
    name = "RuntimeError" if kind == "async" and isinstance(error, StopIteration) else type(error).__name__
    for _ in range(2):
        assert outputs(door.call(app, path="/health")) == {"it": name, "other": None}
        served.run(health)


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_hangs(served: Any, door: Any, outputs: Any, released: threading.Event, kind: str) -> None:
    """A check that hangs fails at its own deadline; the others have their say."""

    async def forever() -> None:
        await asyncio.Event().wait()

    checks: dict[str, Any] = {"slow": Check(released.wait if kind == "plain" else forever, timeout=SHORT)}
    checks["other"] = lambda: "warn"
    app = served(HealthCheck(checks=checks, timeout=LONG))
    assert outputs(door.call(app, path="/health")) == {"slow": "timeout", "other": None}


def test_cancelled_at_the_deadline(stepped: Any) -> None:
    """An async check is cancelled when its time is up, and starts afresh with the next run."""
    ended = threading.Event()
    runs: list[None] = []

    async def forever() -> None:
        runs.append(None)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    stepped.run(HealthCheck(checks={"it": forever}, timeout=SHORT))
    assert ended.wait(10)
    assert runs == [None]


def test_stuck(served: Any, door: Any, document: Any, outputs: Any, released: threading.Event) -> None:
    """A check that is stuck is not started again: it occupies one thread, says since when, and may recover."""
    runs: list[None] = []

    def check() -> None:
        runs.append(None)
        released.wait()

    health = HealthCheck(checks={"it": check}, timeout=SHORT)
    app = served(health)
    assert outputs(door.call(app, path="/health")) == {"it": "timeout"}
    for path in ("/health", "/health/ready", "/health"):
        served.run(health)
        answer = door.call(app, path=path)
        assert outputs(answer)["it"].startswith("still running since 20")
        assert document(answer)["checks"]["it"][0]["stuckSince"].startswith("20")
    assert len(runs) == 1
    released.set()
    join("it")
    (member,) = document(door.call(app, path="/health"))["checks"]["it"]
    assert (member["status"], "stuckSince" in member) == ("fail", False)
    served.run(health)
    assert outputs(door.call(app, path="/health")) == {"it": None}
    assert len(runs) == 2


def test_cancelled_at_the_end(stepped: Any) -> None:
    """An async check that is under way when the server stops is cancelled, and that is no failure."""
    begun, ended = threading.Event(), threading.Event()

    async def forever() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    health = HealthCheck(checks={"it": forever}, timeout=LONG)
    health.engine.turn()
    assert begun.wait(10)
    health.on_shutdown(1.0)
    assert ended.wait(10)
    begun.clear()
    health.on_serving()
    stepped.until(health.engine, begun.is_set)
    assert health.engine.probes[0].state.at is None
    health.on_shutdown(1.0)


def test_stuck_coroutine(stepped: Any) -> None:
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

    health = HealthCheck(checks={"it": check}, timeout=SHORT)
    stepped.run(health)
    stepped.run(health)
    (probe,) = health.engine.probes
    assert (probe.state.output or "").startswith("still running since")
    assert len(runs) == 1
    private.private_loop().call_soon_threadsafe(runs[0].set)
    stepped.until(health.engine, lambda: probe._flight is None)


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_crowd(door: Any, crowd: Any, document: Any, released: threading.Event, kind: str) -> None:
    """Of 500 pollers at once each is told at once what there is, while a check hangs that ran once, in one thread."""
    runs: list[None] = []
    started = threading.Event()

    def plain() -> None:
        runs.append(None)
        started.set()
        released.wait()

    async def coroutine() -> None:
        runs.append(None)
        started.set()
        while not released.is_set():
            await asyncio.sleep(0.01)  # an event of another thread: its wait would keep this loop from closing

    check: Any = plain if kind == "plain" else coroutine
    health = HealthCheck(checks={"hangs": Check(check, timeout=LONG), "other": lambda: True})
    app = door.watch(ScriptedApp(), health)
    answers = crowd(app, "/health", 500)
    assert [document(answer)["status"] for answer in answers] == ["fail"] * 500
    assert {document(answer)["checks"]["hangs"][0]["output"] for answer in answers} == {"not checked yet"}
    if kind == "plain":
        assert started.wait(10)
        assert [thread.name for thread in threading.enumerate()].count("midwatch-health-hangs") == 1
        assert runs == [None]


def test_client_leaves(stepped: Any, ask_within: Any, document: Any) -> None:
    """An async check that is under way goes on, whichever poller has left."""
    health = HealthCheck(checks={"it": partial(later, True)})
    app = ASGIMiddleware(ScriptedApp().asgi, health)

    async def main() -> Any:
        impatient = asyncio.create_task(ask_within(app, "/health"))
        impatient.cancel()
        await asyncio.gather(impatient, return_exceptions=True)
        await asyncio.to_thread(stepped.run, health)
        return await ask_within(app, "/health")

    assert document(asyncio.run(main()))["status"] == "pass"


def no_threads(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Threads that are called *names* cannot be started, as when the process has too many."""
    start = threading.Thread.start

    def limited(thread: threading.Thread) -> None:
        if thread.name in names:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)


def test_out_of_threads(door: Any, document: Any, monkeypatch: pytest.MonkeyPatch, released: threading.Event) -> None:
    """A process that has no thread left to run checks says that it has run none; it tries again."""
    app = door.watch(ScriptedApp(), HealthCheck(checks={"it": released.set}))
    no_threads(monkeypatch, "midwatch-health")
    answer = door.call(app, path="/health")
    assert document(answer)["checks"]["it"][0]["output"] == "not checked yet"
    monkeypatch.undo()
    door.call(app, path="/health")
    assert released.wait(10)


def test_out_of_threads_for_a_check(served: Any, door: Any, outputs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that gets no thread fails and says why."""
    no_threads(monkeypatch, "midwatch-health-it")
    app = served(HealthCheck(checks={"it": lambda: True}))
    assert outputs(door.call(app, path="/health")) == {"it": "no thread left to run in"}


def test_out_of_threads_for_the_loop(stepped: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An async check that gets no event loop fails and says why."""
    monkeypatch.setattr(private, "_loop", None)
    no_threads(monkeypatch, "midwatch-health-loop")
    health = HealthCheck(checks={"it": partial(later, True)})
    stepped.run(health)
    assert health.engine.probes[0].state.output == "no event loop left to run in"


def test_loop_closed(stepped: Any) -> None:
    """The event loop may have closed since it was adopted: checks go on, on our own."""
    loop = asyncio.new_event_loop()
    loop.close()
    health = HealthCheck(checks={"it": partial(later, True)})
    health.engine.adopt(loop)
    stepped.run(health)
    assert health.engine.probes[0].state.status == "pass"


def test_loop_closed_meanwhile(stepped: Any) -> None:
    """A run that was lost with its event loop does not keep the check from being run again."""
    loop = asyncio.new_event_loop()
    health = HealthCheck(checks={"it": partial(later, True)}, timeout=SHORT)
    health.engine.adopt(loop)
    # This loop never runs, so the check never does.
    stepped.run(health)
    (probe,) = health.engine.probes
    assert probe.state.output == "timeout"
    loop.close()
    stepped.run(health)
    assert probe.state.status == "pass"


def test_cancelled_with_the_loop(stepped: Any, ask_within: Any) -> None:
    """A run that ends with its event loop says nothing of what was checked; it is repeated."""
    begun: list[None] = []

    async def check() -> None:
        begun.append(None)
        if len(begun) == 1:
            await asyncio.Event().wait()

    health = HealthCheck(checks={"it": check}, timeout=LONG)
    app = ASGIMiddleware(ScriptedApp().asgi, health)

    async def main() -> None:
        await ask_within(app, "/health")
        health.engine.turn()
        while not begun:
            await asyncio.sleep(0)

    asyncio.run(main())
    assert health.engine.probes[0].state.at is None
    stepped.run(health, again=False)
    assert (len(begun), health.engine.probes[0].state.status) == (2, "pass")


def test_broken_clock(door: Any, document: Any) -> None:
    """Should telling itself break, the answer is fail."""

    def broken() -> float:
        raise ArithmeticError("no clock")

    plugin = HealthCheck(checks={"it": lambda: True}, clock=broken)
    app = door.watch(ScriptedApp(), plugin)
    assert document(door.call(app, path="/health")) == {"status": "fail"}


FORK = """
import os, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from midwatch import WSGIMiddleware
from midwatch.health import Check, HealthCheck
from midwatch.testing import ScriptedApp, call_wsgi
parent, begun = os.getpid(), threading.Event()
def check():
    if os.getpid() == parent:
        begun.set()
        threading.Event().wait()
async def coroutine():
    return True
health = HealthCheck(checks={"it": Check(check, ("ready", "startup")), "async": coroutine}, timeout=0.2)
app = WSGIMiddleware(ScriptedApp().wsgi, health)
def until(status, path):
    for _ in range(1000):
        if call_wsgi(app, path=path).status == status:
            return
        time.sleep(0.01)  # What a deadline has found is told to pollers alone.
    raise SystemExit(f"{path} never {status}")
def shows(text):
    for _ in range(1000):
        if text in call_wsgi(app, path="/health").body:
            return
        time.sleep(0.01)  # As above.
    raise SystemExit(f"never {text}")
shows(b"timeout")
assert begun.is_set()
child = os.fork()
if not child:
    assert b"timeout" not in call_wsgi(app, path="/health").body
    until(200, "/health/ready")
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert call_wsgi(app, path="/health/ready").status == 503
assert sum(thread.name == "midwatch-health-it" for thread in threading.enumerate()) == 1
"""


def test_fork() -> None:
    """A forked worker has none of its parent's threads and asks everything afresh; the parent goes on."""
    done = subprocess.run([sys.executable, "-c", FORK], check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "check it: fail (timeout), was unknown\n")
