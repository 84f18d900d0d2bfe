from __future__ import annotations

import asyncio
import gc
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from midwatch import ASGIMiddleware, RequestLog, Tracing
from midwatch.saturation import LoopWatch, lag
from midwatch.saturation.blocking import Cause
from midwatch.saturation.watched import Watched
from midwatch.testing import call_asgi

HANG = 20.0


@pytest.fixture
def watch(store: Any) -> Iterator[LoopWatch]:
    watch = LoopWatch(store, threshold=0.1, period=0.02)
    yield watch
    watch.stop()


async def until(done: Callable[[], Any]) -> None:
    async with asyncio.timeout(HANG):
        while not done():
            await asyncio.sleep(0.005)  # the watcher is a thread that tells nobody


def blocks(log: Any) -> None:
    """Stand still until the log has spoken of it."""
    end = time.monotonic() + HANG
    while not blamed(log):
        # On a busy machine it may first have spoken of a process that got no time.
        assert log.spoken.wait(end - time.monotonic())
        log.spoken.clear()


def blamed(log: Any) -> list[str]:
    """The lines that blame somebody."""
    return [line for line in log.lines if "stood still" not in line]


def test_lag_of_a_loop_that_is_not_blocked_is_noted_and_small(
    watch: LoopWatch, value: Callable[..., float], log: Any
) -> None:
    async def main() -> None:
        watch.watch(asyncio.get_running_loop())
        watch.watch(asyncio.get_running_loop())
        await until(lambda: watch._lags.cells is not None and sum(watch._lags.cells[:-1]) >= 5)

    asyncio.run(main())
    assert value("event_loop_lag_seconds_count") >= 5
    assert value("event_loop_lag_seconds_sum") < HANG


def test_a_block_counts_for_as_long_as_it_lasts(store: Any, value: Callable[..., float]) -> None:
    watch = LoopWatch(store, period=0.1)
    watch._note(0.55)
    watch._note(0.0004)
    watch._note(1e9)
    assert value("event_loop_lag_seconds_bucket", le="0.1") == 2
    assert value("event_loop_lag_seconds_bucket", le="1.0") == 7
    assert value("event_loop_lag_seconds_count") == 7 + 601
    assert watch.peak() == 1e9
    assert watch.peak() == 0.0


def test_latest_is_none_where_no_loop_is_watched(watch: LoopWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "_watches", weakref.WeakSet([watch]))
    assert not watch.watching
    assert watch.lag == 0.0
    assert lag.latest() is None


def test_a_block_is_told_with_function_route_trace_and_request(watch: LoopWatch, log: Any) -> None:
    from starlette.applications import Starlette
    from starlette.routing import Route

    async def report_of(request: Any) -> None:
        blocks(log)
        from starlette.responses import PlainTextResponse

        return PlainTextResponse("done")  # type: ignore[return-value]

    app = ASGIMiddleware(Starlette(routes=[Route("/orders/{id}", report_of)]), Tracing(), RequestLog())

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        watch.watch(asyncio.get_running_loop())
        await until(lambda: next(iter(watch._loops.values())).thread)
        await app(scope, receive, send)

    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = [("traceparent", f"00-{trace}-b7ad6b7169203331-01"), ("x-request-id", "r-17"), ("host", "h")]
    answer = call_asgi(watched, path="/orders/7", headers=headers)
    assert answer.status == 200
    line = blamed(log)[0]
    assert re.search(r"the event loop is blocked, for 0\.\d\d s so far, in \S*test_lag\.py:\d+ blocks", line), line
    assert "(innermost: " in line
    assert "wait)" in line
    assert f"; it serves GET /orders/{{id}}, trace {trace}, request r-17" in line
    assert "/orders/7" not in line
    assert {record.levelname for record in log.records} == {"WARNING"}


def test_a_block_behind_a_process_that_stood_still_is_told_as_well(
    store: Any, log: Any, value: Callable[..., float]
) -> None:
    """On a busy machine the process may get no time at the beginning of it; then that is over, and the block is not."""
    watch = LoopWatch(store, threshold=0.1)
    loop = asyncio.new_event_loop()
    one = Watched(loop, time.monotonic)
    one.thread = threading.get_ident()
    for now, cause, lines in ((0.15, Cause.HELD, 1), (0.2, Cause.BLOCKED, 1), (0.3, Cause.BLOCKED, 2),
                              (9.0, Cause.BLOCKED, 2), (9.5, Cause.HELD, 2)):  # fmt: skip
        one.sent = 0.0
        watch._look(0, one, now, cause)
        assert len(log.lines) == lines, now
    loop.close()
    assert "is blocked, for 0.30 s so far" in blamed(log)[0]
    assert (
        value("event_loop_blocked_total", cause="blocked") == value("event_loop_blocked_total", cause=Cause.HELD) == 1
    )


def test_the_line_carries_the_context_of_the_request(watch: LoopWatch, log: Any) -> None:
    """A formatter that asks for the current exchange finds the one that blocks."""
    from midwatch import current

    found: list[Any] = []
    emit = log.emit

    def looking(record: Any) -> None:
        found.append(current())
        emit(record)

    log.emit = looking

    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        blocks(log)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    app = ASGIMiddleware(endpoint, Tracing())

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        watch.watch(asyncio.get_running_loop())
        await until(lambda: next(iter(watch._loops.values())).thread)
        await app(scope, receive, send)

    call_asgi(watched, path="/x")
    assert [exchange.path for exchange in found if exchange is not None] == ["/x"]


def blocked_by(watch: LoopWatch, log: Any, block: Callable[[], Any], lines: int) -> list[str]:
    async def main() -> None:
        watch.watch(asyncio.get_running_loop())
        one = next(iter(watch._loops.values()))
        await until(lambda: one.thread)
        block()
        before = watch.lag
        await until(lambda: one.answered is not None and len(blamed(log)) >= lines)
        assert before >= 0.1

    asyncio.run(main())
    return blamed(log)


def test_a_call_into_c_is_told_by_its_source_line(watch: LoopWatch, log: Any, value: Callable[..., float]) -> None:
    def dozes() -> None:
        time.sleep(0.5)  # what is tested is a loop that really sleeps

    line = blocked_by(watch, log, dozes, 1)[0]
    assert "dozes: time.sleep(0.5)" in line
    assert "innermost" not in line
    assert "it serves" not in line
    assert value("event_loop_blocked_total", cause="blocked") == 1


def test_one_block_is_one_line_and_a_place_is_quiet_for_a_minute(store: Any, log: Any, clock: Any) -> None:
    from midwatch.saturation.blocking import Blocking, Cause
    from midwatch.saturation.watched import Watched

    loop = asyncio.new_event_loop()
    one = Watched(loop, clock)
    one.thread = threading.get_ident()
    blocking = Blocking(clock)

    def here() -> None:
        blocking.tell(one, 1.0, Cause.BLOCKED)

    for _ in range(4):
        here()
    assert len(log.lines) == 1
    clock.now += 61
    here()
    assert "told once a minute; 3 times more since" in log.lines[1]
    loop.close()


def test_places_are_bounded(log: Any, clock: Any) -> None:
    from midwatch.saturation.blocking import PLACES, Blocking

    blocking = Blocking(clock)
    for number in range(3 * PLACES):
        blocking._again(f"file.py:{number} function")
    assert len(blocking._told) <= PLACES


def test_a_call_that_keeps_the_interpreter_lock_is_told_apart(
    watch: LoopWatch, log: Any, value: Callable[..., float]
) -> None:
    def computes() -> None:
        pattern = re.compile("(a|a)*b")
        size = 18
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            size = min(size + 1, 23)
            pattern.match("a" * size)

    async def main() -> None:
        watch.watch(asyncio.get_running_loop())
        one = next(iter(watch._loops.values()))
        await until(lambda: one.thread)
        # On a machine that serves others it may look like that to the watch, or no stamp was on its way: then again.
        async with asyncio.timeout(HANG):
            while not any("stood still with the whole process" in line and "computes" in line for line in log.lines):
                computes()
                await until(lambda: one.sent is None)
                await asyncio.sleep(0)

    asyncio.run(main())
    assert value("event_loop_blocked_total", cause="held") >= 1


def test_many_short_tasks_are_no_single_culprit(watch: LoopWatch, log: Any) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        watch.watch(loop)
        one = next(iter(watch._loops.values()))
        await until(lambda: one.thread)

        async def short() -> None:
            time.sleep(0.01)  # what is tested is a loop that is really busy

        async with asyncio.timeout(HANG):
            while not blamed(log):
                await asyncio.gather(*(short() for _ in range(60)))

    asyncio.run(main())
    assert "is busy with too many tasks" in blamed(log)[0]


def test_several_loops_are_watched_and_the_slowest_counts(watch: LoopWatch, log: Any) -> None:
    go, ready = threading.Event(), threading.Event()

    async def other() -> None:
        watch.watch(asyncio.get_running_loop())
        await until(lambda: len(watch._loops) == 2 and all(one.thread for one in watch._loops.values()))
        ready.set()
        go.wait(HANG)

    async def main() -> None:
        watch.watch(asyncio.get_running_loop())
        thread = threading.Thread(target=asyncio.run, args=(other(),))
        thread.start()
        await until(ready.is_set)
        await until(lambda: blamed(log))
        assert watch.lag >= 0.1
        assert (lag.latest() or 0.0) >= 0.1
        go.set()
        await until(lambda: not thread.is_alive())
        await until(lambda: len(watch._loops) == 1)

    asyncio.run(main())
    assert "other" in blamed(log)[0]


def test_the_watch_ends_with_its_last_loop_and_begins_with_the_next(watch: LoopWatch) -> None:
    for _ in range(2):

        async def main() -> None:
            watch.watch(asyncio.get_running_loop())
            await until(lambda: next(iter(watch._loops.values())).thread)

        asyncio.run(main())
        thread = watch._thread
        if thread is not None:
            thread.join(HANG)
        assert not watch.watching
        assert watch._thread is None


def test_a_loop_is_not_kept_alive(watch: LoopWatch) -> None:
    loop = asyncio.new_event_loop()
    watch.watch(loop)
    loop.close()
    gone = weakref.ref(loop)
    del loop
    gc.collect()
    assert gone() is None


def test_a_loop_that_is_not_run_is_not_late(watch: LoopWatch, log: Any) -> None:
    loop = asyncio.new_event_loop()

    async def answer() -> None:
        await until(lambda: next(iter(watch._loops.values())).thread)

    watch.watch(loop)
    loop.run_until_complete(answer())
    paused = next(iter(watch._loops.values()))
    time.sleep(0.6)  # nothing happens, which nothing can tell
    assert watch.lag < 0.5
    loop.run_until_complete(asyncio.sleep(0.05))  # Two periods, in which it would be blamed.
    assert paused.lag < 0.5
    assert blamed(log) == []
    loop.close()


def test_uvloop_is_watched(watch: LoopWatch, log: Any) -> None:
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:

        async def main() -> None:
            watch.watch(asyncio.get_running_loop())
            await until(lambda: next(iter(watch._loops.values())).thread)
            blocks(log)

        runner.run(main())
    assert "blocks" in blamed(log)[0]


def test_a_process_that_is_stopped_blames_nobody(tmp_path: Any) -> None:
    program = """
        import asyncio, logging, os, signal, subprocess, sys
        from midwatch.metrics.slots import Slot
        from midwatch.metrics.store import Store
        from midwatch.saturation import LoopWatch

        logging.basicConfig(format="%(message)s")
        watch = LoopWatch(Store(Slot(None)), period=0.02)

        async def main():
            watch.watch(asyncio.get_running_loop())
            one = next(iter(watch._loops.values()))
            while one.thread is None:
                await asyncio.sleep(0.01)  # A thread that begins tells nobody.
            for _ in range(5):
                print("running", flush=True)
                await asyncio.to_thread(sys.stdin.readline)
                if watch._blocks.of("starved").cells:
                    break

        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin
        assert child.stdout
        while child.stdout.readline() == "running\n":
            child.send_signal(signal.SIGSTOP)
            time.sleep(0.5)  # what is tested is a process that gets no time
            child.send_signal(signal.SIGCONT)
            time.sleep(0.1)  # the child looks at its watch
            child.stdin.write("\n")
            child.stdin.flush()
        _, said = child.communicate(timeout=HANG)
    assert child.returncode == 0, said
    assert "stood still with the whole process, which used no CPU time, for 0." in said
    assert " is blocked" not in said


def test_a_log_that_takes_its_time_is_no_process_that_stands_still(store: Any, log: Any) -> None:
    watch = LoopWatch(store, threshold=0.4, period=0.02)
    emit = log.emit

    def slow(record: Any) -> None:
        time.sleep(0.9)  # what is tested is a handler that is really slow
        emit(record)

    log.emit = slow

    async def main() -> None:
        watch.watch(asyncio.get_running_loop())
        one = next(iter(watch._loops.values()))
        await until(lambda: one.thread)
        blocks(log)
        before = one.lag
        await until(lambda: one.lag != before)

    asyncio.run(main())
    watch.stop()
    assert len(log.lines) == 1
    assert "is blocked" in log.lines[0]


def test_no_literal_secret_of_a_source_line_is_logged(watch: LoopWatch, log: Any) -> None:
    def connects(address: str) -> None:
        time.sleep(0.3)  # what is tested is a loop that really sleeps

    def begins() -> None:
        connects("postgresql://user:hunter2@db/orders"); time.sleep(0.3)  # fmt: skip  # noqa: E702

    lines = blocked_by(watch, log, begins, 1)
    assert "hunter2" not in "".join(lines)


def test_the_request_of_a_task_is_found_by_its_context() -> None:
    """What Starlette's BaseHTTPMiddleware runs below is a task of its own, with no door on its stack."""
    import contextvars

    from midwatch import current
    from midwatch.saturation.blocking import _of_task

    found: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        class Task:
            def __init__(self) -> None:
                self.context = contextvars.copy_context()

            def get_context(self) -> contextvars.Context:
                return self.context

        task: Any = Task()
        found.extend([current(), _of_task(task)])

    call_asgi(ASGIMiddleware(app, RequestLog()))
    assert found[0] is not None
    assert found[0] is found[1]
    assert _of_task(None) is None


@pytest.mark.parametrize("given", [{"threshold": 0}, {"period": 0}, {"threshold": float("nan")}, {"period": -1}])
def test_a_threshold_that_cannot_be(store: Any, given: Any) -> None:
    with pytest.raises(ValueError, match="can never be exceeded"):
        LoopWatch(store, **given)


def test_a_forked_child_watches_its_own_loop() -> None:
    program = """
        import asyncio, os
        from midwatch.metrics.slots import Slot
        from midwatch.metrics.store import Store
        from midwatch.saturation import LoopWatch

        watch = LoopWatch(Store(Slot(None)), period=0.02)

        async def answered():
            watch.watch(asyncio.get_running_loop())
            one = next(iter(watch._loops.values()))
            while one.thread is None:
                await asyncio.sleep(0.01)  # A thread that begins tells nobody.

        async def main():
            await answered()
            return os.fork()

        pid = asyncio.run(main())
        if pid:
            assert os.waitpid(pid, 0)[1] == 0
        else:
            assert not watch.watching and watch._thread is None
            asyncio.run(answered())
            os._exit(0)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, timeout=HANG)
