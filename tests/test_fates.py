"""
The fates table: whatever becomes of a request, one line, one span, one count, and the same bytes for the client.

Every rival that was run gets some row wrong: no line for a 500, 200 for a client that left, background work as latency.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from midwatch import ASGIMiddleware, ErrorReport, Outcome, Plugin
from midwatch.testing import Recorder, ScriptedApp


@dataclass
class Fate:
    """What the application does, and what everyone should say of it."""

    app: ScriptedApp
    outcome: Outcome
    status: int | None
    method: str = "GET"
    leave_after: int | None = None


BROKEN = ValueError("broken")

FATES = {
    "answer": Fate(ScriptedApp(), Outcome.OK, 200),
    "stream": Fate(ScriptedApp(chunks=tuple(b"%d" % n for n in range(50))), Outcome.OK, 200),
    "failure": Fate(ScriptedApp(status=503), Outcome.ERROR, 503),
    "denied": Fate(ScriptedApp(status=403), Outcome.OK, 403),
    "raises early": Fate(ScriptedApp(error=BROKEN), Outcome.ERROR, 500),
    "raises mid-stream": Fate(ScriptedApp(chunks=(b"a", b"b"), error=BROKEN, error_after=1), Outcome.ERROR, 200),
    "raises at the end": Fate(ScriptedApp(error=BROKEN, error_after=1), Outcome.ERROR, 200),
    "client leaves": Fate(ScriptedApp(chunks=(b"a", b"b", b"c")), Outcome.ABORTED, 200, leave_after=1),
    "cancelled early": Fate(ScriptedApp(error=asyncio.CancelledError()), Outcome.CANCELLED, None),
    "bodiless": Fate(ScriptedApp(status=204, chunks=(), headers=()), Outcome.OK, 204),
    "head": Fate(ScriptedApp(chunks=()), Outcome.OK, 200, method="HEAD"),
}


@pytest.mark.parametrize("fate", [pytest.param(fate, id=name) for name, fate in FATES.items()])
def test_one_line_one_span_one_count(door: Any, signals: Any, fate: Fate) -> None:
    """Each fate leaves one of each, which agree on outcome and status."""
    recorder = Recorder()
    app = door.watch(fate.app, *signals.plugins(), recorder)

    door.call(app, fate.method, leave_after=fate.leave_after)

    assert recorder.moments.count("on_request") == recorder.moments.count("on_finish") == 1
    assert recorder.exchange.outcome is fate.outcome
    (line,) = signals.lines
    (span,) = signals.requests()
    assert signals.count() == 1
    assert line["outcome"] == span.attributes["midwatch.outcome"] == fate.outcome
    assert line.get("http.response.status_code") == span.attributes.get("http.response.status_code") == fate.status
    assert line["trace_id"] == span.trace_id
    assert line["http.response.body.size"] == recorder.exchange.bytes_out


@pytest.mark.parametrize("fate", [pytest.param(fate, id=name) for name, fate in FATES.items()])
def test_the_client_sees_the_same(door: Any, signals: Any, fate: Fate) -> None:
    """Status, headers, chunks and exception are those of the bare application, but for the request id."""
    options = {"leave_after": fate.leave_after}
    bare = door.call(door.app(fate.app), fate.method, **options)

    watched = door.call(door.watch(fate.app, *signals.plugins()), fate.method, **options)

    assert watched.status == bare.status
    assert watched.chunks == bare.chunks
    assert [header for header in watched.headers if header[0] != "x-request-id"] == bare.headers
    assert watched.error is bare.error or str(watched.error) == str(bare.error)
    assert (watched.header("x-request-id") is None) == (bare.status is None)


def test_same_exception_object_one_frame_more(door: Any, signals: Any) -> None:
    """The exception leaves as it is, through at most one frame of ours."""
    app = ScriptedApp(error=ValueError("broken"))

    answer = door.call(door.watch(app, *signals.plugins()))

    assert answer.error is app.error
    files = []
    assert answer.error is not None
    traceback = answer.error.__traceback__
    while traceback is not None:
        files.append(traceback.tb_frame.f_code.co_filename)
        traceback = traceback.tb_next
    assert sum("/midwatch/" in name and "/midwatch/testing/" not in name for name in files) == 1


def test_bare_app_that_raises_is_answered_for(door: Any, signals: Any) -> None:
    """Nobody else would say the request id: the 500 is a problem document, and the exception still goes on."""
    app = ScriptedApp(error=ValueError("secret"))

    answer = door.call(door.watch(app, *signals.plugins(), ErrorReport()))

    assert answer.status == 500
    assert answer.header("content-type") == "application/problem+json"
    assert answer.header("x-request-id") == signals.lines[0]["request_id"]
    assert b"secret" not in answer.body
    assert answer.error is app.error
    assert signals.lines[0]["http.response.status_code"] == 500
    assert signals.lines[0]["http.response.body.size"] == len(answer.body)


MOMENTS = ("on_request", "on_response", "on_error", "on_finish")


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("fate", [pytest.param(fate, id=name) for name, fate in FATES.items()])
def test_a_plugin_that_raises_changes_nothing(door: Any, signals: Any, fate: Fate, moment: str) -> None:
    """In any moment of any fate: the client sees the same, and the other plugins see everything."""

    def explode(self: Any, exchange: Any) -> None:
        raise RuntimeError("a plugin's own bug")

    broken: Plugin = type("Broken", (Plugin,), {moment: explode})()
    bare = door.call(door.app(fate.app), fate.method, leave_after=fate.leave_after)
    recorder = Recorder()

    app = door.watch(fate.app, broken, *signals.plugins(), recorder)
    answer = door.call(app, fate.method, leave_after=fate.leave_after)

    assert (answer.status, answer.chunks) == (bare.status, bare.chunks)
    assert recorder.exchange.outcome is fate.outcome
    assert len(signals.lines) == len(signals.requests()) == signals.count() == 1


def test_cancelled_while_the_app_waits(signals: Any) -> None:
    """A task that is cancelled leaves its line, and the cancellation goes on."""
    recorder = Recorder()
    waiting = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        waiting.set()
        await asyncio.Event().wait()

    watched = ASGIMiddleware(app, *signals.plugins(), recorder)
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}

    async def serve() -> None:
        task = asyncio.create_task(watched(scope, None, None))  # type: ignore[arg-type]
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(serve())

    assert recorder.exchange.outcome is Outcome.CANCELLED
    assert [line["outcome"] for line in signals.lines] == ["cancelled"]
    assert "http.response.status_code" not in signals.lines[0]


def test_background_work_is_not_latency(signals: Any) -> None:
    """What the application does after the last byte is not in the duration, of the line, the span or the histogram."""
    recorder = Recorder()
    clocks: list[float] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await ScriptedApp().asgi(scope, receive, send)
        clocks.append(recorder_clock())

    def recorder_clock() -> float:
        from time import perf_counter

        until = perf_counter() + 0.05
        while perf_counter() < until:
            pass
        return until

    from midwatch.testing import call_asgi

    call_asgi(ASGIMiddleware(app, *signals.plugins(), recorder))

    exchange = recorder.exchange
    assert exchange.ended is not None
    assert exchange.ended < clocks[0] - 0.04
    assert exchange.duration == exchange.ended - exchange.started
    background, span = signals.spans
    assert span.end_time - span.start_time == int(exchange.duration * 1e9)
    assert background.start_time == span.end_time
    assert background.end_time - background.start_time > 40_000_000
    assert background.parent_id == background.links[0].context.span_id.to_bytes(8, "big").hex() == span.span_id
    assert signals.lines[0]["http.server.request.duration"] == round(exchange.duration, 6)


def test_error_in_background_work_is_an_error(signals: Any) -> None:
    """The client got its 200; everyone says error, with the exception."""
    recorder = Recorder()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await ScriptedApp().asgi(scope, receive, send)
        raise KeyError("background")

    from midwatch.testing import call_asgi

    answer = call_asgi(ASGIMiddleware(app, *signals.plugins(), recorder))

    assert answer.status == 200
    assert recorder.moments[-2:] == ["on_error", "on_finish"]
    assert (signals.lines[0]["outcome"], signals.lines[0]["error.type"]) == ("error", "KeyError")


def test_app_that_stops_early_is_incomplete(signals: Any) -> None:
    """An ASGI application that returns before its last body message."""
    recorder = Recorder()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})

    from midwatch.testing import call_asgi

    call_asgi(ASGIMiddleware(app, *signals.plugins(), recorder))

    assert recorder.exchange.outcome is Outcome.INCOMPLETE
    assert signals.lines[0]["level"] == "WARNING"
