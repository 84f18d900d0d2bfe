"""Failed and slow requests are kept at their end, within bounds."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from typing import Any

import pytest
from fastapi import BackgroundTasks, FastAPI
from opentelemetry import context as otel_context

import midwatch
from midwatch import Exchange, LatencyMetrics, Outcome, inject, install
from midwatch.delivery import losses
from midwatch.frameworks import Framework
from midwatch.moments import Moments
from midwatch.plugin import failures
from midwatch.testing import Recorder, ScriptedApp, call_asgi
from midwatch.tracing import Sampler, Span, Tail, Tracing, tail
from midwatch.tracing.export import finished_spans

NOTHING = Sampler(ratio=0)
LOST = "spans of requests kept at their end"


@pytest.fixture(autouse=True)
def _no_losses() -> Any:
    before = dict(losses)
    losses.clear()
    yield
    losses.clear()
    losses.update(before)


def nested(*names: str) -> None:
    for name in names:
        with midwatch.span(name):
            pass


def watched(door: Any, app: ScriptedApp, kept: Tail, **options: Any) -> tuple[Any, list[Span]]:
    spans: list[Span] = []
    options = {"sampler": NOTHING, "to": [spans.append], **options}
    return door.watch(app, Tracing(tail=kept, **options)), spans


def finished(**said: Any) -> Exchange:
    exchange = Exchange({}, Moments([Recorder()]), Framework())
    exchange.outcome = Outcome.OK
    for name, value in said.items():
        setattr(exchange, name, value)
    return exchange


# What is kept


@pytest.mark.parametrize(
    ("options", "said", "reason"),
    [
        ({"errors": True}, {"outcome": Outcome.ERROR}, "error"),
        ({"errors": True}, {"outcome": Outcome.ABORTED}, "error"),
        ({"errors": True}, {"outcome": Outcome.INCOMPLETE}, "error"),
        ({"errors": True}, {"outcome": Outcome.CANCELLED}, "error"),
        ({"errors": True}, {"status": 404}, None),
        ({"errors": True}, {"duration": 1e9}, None),
        ({"slower_than": 1.0}, {"duration": 1.0}, None),
        ({"slower_than": 1.0}, {"duration": 1.0001}, "slow"),
        ({"slower_than": 1.0}, {"outcome": Outcome.ERROR}, None),
        ({"errors": True, "slower_than": 1.0}, {"outcome": Outcome.ERROR, "duration": 2.0}, "error"),
        ({}, {"outcome": Outcome.ERROR, "duration": 2.0}, None),
        ({"slower_than": 1.0}, {"kind": "websocket", "started": 5.0, "first_byte": 5.5, "duration": 99.0}, None),
        ({"slower_than": 1.0}, {"kind": "websocket", "started": 5.0, "first_byte": 7.0, "duration": 99.0}, "slow"),
        ({"slower_than": 1.0}, {"kind": "websocket", "duration": 99.0}, "slow"),
    ],
)
def test_the_reason(options: dict[str, Any], said: dict[str, Any], reason: str | None) -> None:
    """A websocket is not slow for being open."""
    assert Tail(**options).reason(finished(**said)) == reason


@pytest.mark.parametrize(
    ("app", "call"),
    [
        (ScriptedApp(status=503), {}),
        (ScriptedApp(error=KeyError("x")), {}),
        (ScriptedApp(error=KeyError("x"), error_after=1), {}),
        (ScriptedApp(chunks=(b"a", b"b", b"c")), {"leave_after": 1}),
    ],
)
def test_a_failed_request(door: Any, app: ScriptedApp, call: dict[str, Any]) -> None:
    """With the spans below it, all of them marked; who was called in between was told what was known then."""
    sent: dict[str, str] = {}

    def before() -> None:
        nested("query", "render")
        with midwatch.span("call"):
            inject(sent)

    app.before = before
    application, spans = watched(door, app, Tail(errors=True))
    door.call(application, path="/orders", **call)
    assert [span.name for span in spans] == ["query", "render", "call", "GET"]
    *children, server = spans
    assert {span.attributes["midwatch.kept"] for span in spans} == {"error"}
    assert {span.trace_flags & 1 for span in spans} == {0}
    assert {span.parent_id for span in children} == {server.span_id}
    assert sent["traceparent"] == f"00-{server.trace_id}-{children[-1].span_id}-02"
    assert server.attributes["url.path"] == "/orders"
    assert losses == {}


def test_a_slow_request(door: Any) -> None:
    application, spans = watched(door, ScriptedApp(before=lambda: nested("query")), Tail(slower_than=1e-9))
    door.call(application)
    assert [(span.name, span.attributes["midwatch.kept"]) for span in spans] == [("query", "slow"), ("GET", "slow")]


@pytest.mark.parametrize("status", [200, 404])
def test_any_other_is_let_go(door: Any, status: int) -> None:
    """With everything below it, also what ends later."""
    late: list[Any] = []

    def before() -> None:
        nested("query")
        late.append(midwatch.span("late").__enter__())

    kept = Tail(errors=True, slower_than=3600)
    application, spans = watched(door, ScriptedApp(status=status, before=before), kept)
    door.call(application)
    late[0].end()
    assert (spans, kept.waiting, losses) == ([], 0, {})


def test_what_is_sampled_does_not_wait(door: Any) -> None:
    """Its spans go at once, and none of them is marked."""
    spans: list[Span] = []
    seen: list[list[str]] = []

    def before() -> None:
        nested("query")
        seen.append([span.name for span in spans])

    app = door.watch(
        ScriptedApp(status=500, before=before),
        Tracing(to=[spans.append], sampler=Sampler(ratio=1), tail=Tail(errors=True)),
    )
    door.call(app)
    assert seen == [["query"]]
    assert [span.attributes.get("midwatch.kept") for span in spans] == [None, None]


def test_against_the_callers_decision(door: Any) -> None:
    """It said no; our part is kept all the same, and the service behind hears no."""
    sent: dict[str, str] = {}
    application, spans = watched(
        door, ScriptedApp(status=500, before=lambda: inject(sent)), Tail(errors=True), sampler=None
    )
    caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    door.call(application, headers=[("host", "testserver"), ("traceparent", caller)])
    (span,) = spans
    assert (span.trace_id, span.parent_id) == (caller[3:35], caller[36:52])
    assert sent["traceparent"].endswith("-00")


def test_without_a_destination_nothing_waits(door: Any) -> None:
    """There is nobody to keep it for."""
    kept = Tail(errors=True)
    recorder = Recorder()
    door.call(door.watch(ScriptedApp(status=500), Tracing(sampler=NOTHING, tail=kept), recorder))
    assert not recorder.exchange.span.is_recording()  # type: ignore[union-attr]
    assert recorder.exchange.span.export is None  # type: ignore[union-attr]
    assert kept.waiting == 0


def test_what_is_excluded_stays_out(door: Any) -> None:
    application, spans = watched(door, ScriptedApp(status=500), Tail(errors=True), exclude=["/health"])
    door.call(application, path="/health")
    assert spans == []


def test_what_ends_after_the_decision(door: Any) -> None:
    """It goes the same way: marked, and at once."""
    late: list[Any] = []
    application, spans = watched(
        door,
        ScriptedApp(status=500, before=lambda: late.append(midwatch.span("late").__enter__())),
        Tail(errors=True),
    )
    door.call(application)
    assert [span.name for span in spans] == ["GET"]
    late[0].end()
    assert [(span.name, span.attributes["midwatch.kept"]) for span in spans] == [("GET", "error"), ("late", "error")]


def test_background_work_belongs_to_it() -> None:
    """The span of what FastAPI does after the answer is kept with the request."""
    finished_spans.clear()
    app = FastAPI()

    @app.get("/orders")
    async def orders(tasks: BackgroundTasks) -> str:
        tasks.add_task(nested, "mail")
        return "ok"

    settings = {"trace": {"to": ["memory"], "global": False, "sample": {"ratio": 0, "keep_slower_than": 1e-9}}}
    call_asgi(install(app, settings), path="/orders")
    assert {span.name for span in finished_spans} == {"mail", "background", "GET /orders"}
    assert {span.attributes["midwatch.kept"] for span in finished_spans} == {"slow"}


def test_a_websocket(websocket: Any) -> None:
    """The handshake's span waits for the end of the connection, for only then it is known whether it failed."""

    def served(message: dict[str, Any]) -> list[Span]:
        spans: list[Span] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "websocket.accept"})
            nested("work")
            if (await receive())["code"] == 1000:
                return
            raise KeyError("x")

        tracing = Tracing(to=[spans.append], sampler=NOTHING, tail=Tail(errors=True))
        websocket(midwatch.ASGIMiddleware(app, tracing), message)
        return spans

    assert served({"type": "websocket.disconnect", "code": 1000}) == []
    spans = served({"type": "websocket.disconnect", "code": 1006})
    assert {span.attributes["midwatch.kept"] for span in spans} == {"error"}
    assert {span.name for span in spans} >= {"work", "websocket"}


# Bounds


def test_one_request_keeps_so_many(door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones, and the server span itself; what was left out is counted."""
    monkeypatch.setattr(tail, "PER_TRACE", 3)
    kept = Tail(errors=True)
    application, spans = watched(door, ScriptedApp(status=500, before=lambda: nested(*"abcdefgh")), kept)
    door.call(application)
    assert [span.name for span in spans] == ["a", "b", "c", "GET"]
    assert losses == {LOST: 5}
    assert kept.waiting == 0


def test_what_nobody_wanted_is_no_loss(door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "PER_TRACE", 3)
    application, spans = watched(door, ScriptedApp(before=lambda: nested(*"abcdefgh")), Tail(errors=True))
    door.call(application)
    assert (spans, losses) == ([], {})


def test_all_requests_together_keep_so_many(door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request within another one, so that both wait."""
    monkeypatch.setattr(tail, "TOGETHER", 4)
    kept = Tail(errors=True)
    inner, spans = watched(door, ScriptedApp(status=500, before=lambda: nested(*"xyz")), kept)

    def before() -> None:
        nested(*"abc")
        thread = threading.Thread(target=lambda: door.call(inner))
        thread.start()
        thread.join()
        nested(*"de")

    outer, _ = watched(door, ScriptedApp(status=500, before=before), kept, to=[spans.append])
    door.call(outer)
    assert [span.name for span in spans] == ["x", "GET", "a", "b", "c", "d", "GET"]
    assert losses == {LOST: 3}
    assert kept.waiting == 0


def test_losses_are_shown(door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside those of the channels."""
    monkeypatch.setattr(tail, "PER_TRACE", 1)
    application, _ = watched(door, ScriptedApp(status=500, before=lambda: nested("a", "b", "c")), Tail(errors=True))
    door.call(application)
    samples = [sample for family in LatencyMetrics().collector.collect() for sample in family.samples]
    assert [(s.labels, s.value) for s in samples if s.name == "midwatch_lost_total"] == [({"what": LOST}, 2)]


@pytest.mark.no_cover  # Others cover what it does; tracing would double its time.
def test_a_hundred_thousand_spans(door: Any) -> None:
    """Memory stays bounded, and everything is accounted for."""
    kept = Tail(errors=True)
    most = 0

    def before() -> None:
        nonlocal most
        for _ in range(100_000):
            nested("query")
            most = max(most, kept.waiting)

    application, spans = watched(door, ScriptedApp(status=500, before=before), kept)
    door.call(application)
    assert most == 1000
    assert len(spans) == 1001
    assert losses == {LOST: 99_000}


# What goes wrong


def test_a_destination_that_raises(door: Any) -> None:
    """The others get everything, and the client its answer."""
    before = failures.copy()
    seen: list[str] = []

    def broken(span: Span) -> None:
        raise OSError("no")

    application, _ = watched(
        door,
        ScriptedApp(status=503, before=lambda: nested("query")),
        Tail(errors=True),
        to=[broken, lambda span: seen.append(span.name)],
    )
    assert door.call(application).status == 503
    assert seen == ["query", "GET"]
    (ours,) = [name for name in failures if failures[name] != before.get(name)]
    assert failures.pop(ours) == 2
    failures.update({name: count for name, count in before.items() if name == ours})


def test_threads_of_one_request(door: Any) -> None:
    """Eight of them end spans while the request is decided on: each span goes once, or is counted."""
    made = threading.Barrier(9)

    def work() -> None:
        for number in range(200):
            if number == 100:
                made.wait(20)
            nested("work")

    threads: list[threading.Thread] = []

    def before() -> None:
        threads.extend(threading.Thread(target=midwatch.carry(work)) for _ in range(8))
        for thread in threads:
            thread.start()
        made.wait(20)

    kept = Tail(errors=True)
    application, spans = watched(door, ScriptedApp(status=500, before=before), kept)
    door.call(application)
    for thread in threads:
        thread.join()
    assert len(spans) + losses.get(LOST, 0) == 8 * 200 + 1
    assert len({span.span_id for span in spans}) == len(spans)
    assert {span.attributes["midwatch.kept"] for span in spans} == {"error"}
    assert kept.waiting == 0


def test_a_span_that_ends_while_another_one_does() -> None:
    """As of a generator that is collected at just that moment: no thread waits for itself."""
    script = """
import signal
from midwatch.testing import ScriptedApp, call_wsgi
from midwatch import WSGIMiddleware
from midwatch.tracing import Sampler, Tail, Tracing
import midwatch
signal.alarm(30)

class Counting(list):
    # Stands where the spans of a request do; what append sets off is another span.
    def append(self, span):
        super().append(span)
        if span.name == "outer":
            with midwatch.span("inner"):
                pass

spans = []
def before():
    buffer = midwatch.current().span.export
    buffer._spans = Counting()
    with midwatch.span("outer"):
        pass

app = ScriptedApp(status=500, before=before)
call_wsgi(WSGIMiddleware(app.wsgi, Tracing(to=[spans.append], sampler=Sampler(ratio=0), tail=Tail(errors=True))))
assert [span.name for span in spans] == ["outer", "inner", "GET"], spans
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_a_forked_child_waits_for_nobody() -> None:
    """What waits in the parent is the parent's, and so is a lock that a thread of it holds."""
    script = """
import os, signal, threading
from midwatch.tracing import Tail
held, released = threading.Event(), threading.Event()
tail = Tail(errors=True)
tail.waiting = 20_000

def hold():
    with tail.lock:
        held.set()
        released.wait()

thread = threading.Thread(target=hold)
thread.start()
held.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)
    with tail.lock:
        os._exit(tail.waiting)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
released.set()
thread.join()
assert (status, tail.waiting) == (0, 20_000), status
"""
    subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c", script], check=True, timeout=60)


def test_nothing_is_held_on_to(door: Any) -> None:
    """Once a request is over, its spans are not ours."""
    kept = Tail(errors=True)
    application, _ = watched(door, ScriptedApp(before=lambda: nested("query")), kept, to=[lambda span: None])
    for _ in range(5):
        door.call(application)
    gc.collect()
    assert not [one for one in gc.get_objects() if type(one) is tail.Buffer and one._tail is kept]
    assert not otel_context.get_current()
