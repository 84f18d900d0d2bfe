"""The OpenTelemetry API through our provider, as libraries and applications use it."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from opentelemetry import context as contexts
from opentelemetry import trace as otel
from opentelemetry.propagate import extract, get_global_textmap, set_global_textmap
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags
from opentelemetry.util._once import Once

from midwatch import Tracing, current
from midwatch.plugin import failures
from midwatch.testing import ScriptedApp
from midwatch.tracing import Sampler, Span, TracerProvider
from midwatch.tracing.details import LIMITS
from midwatch.tracing.policy import policy
from midwatch.tracing.provider import MAX_KEPT, become_global, provider

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"
REMOTE = SpanContext(int(TRACE_ID, 16), int(PARENT_ID, 16), True, TraceFlags(3))


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Span]]:
    """What the `Tracing` made last is given, in a process where nobody else has set a provider."""
    monkeypatch.setattr(otel, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(otel, "_TRACER_PROVIDER_SET_ONCE", Once())
    before = get_global_textmap()
    kept = {name: getattr(policy, name) for name in policy.__slots__}
    taken: list[Span] = []
    Tracing(to=[taken.append])
    become_global()
    yield taken
    for name, value in kept.items():
        setattr(policy, name, value)
    set_global_textmap(before)


tracer = provider.get_tracer("library", "1.2")


def named(spans: list[Span]) -> dict[str, Span]:
    return {span.name: span for span in spans}


def test_a_script(spans: list[Span]) -> None:
    """Without any request a span is the root of a trace of its own, and goes where the `Tracing` made last says."""
    with otel.get_tracer("job").start_as_current_span("run") as root:
        assert otel.get_current_span() is root
        with otel.get_tracer("job").start_as_current_span("step"):
            pass
    assert not otel.get_current_span().get_span_context().is_valid
    run, step = named(spans)["run"], named(spans)["step"]
    assert [span.name for span in spans] == ["step", "run"]
    assert run.parent is None
    assert step.parent_id == run.span_id
    assert step.trace_id == run.trace_id
    assert run.trace_flags == step.trace_flags == 3
    assert run.start_time <= step.start_time <= step.end_time <= run.end_time
    assert run.instrumentation_scope.name == "job"
    with tracer.start_as_current_span("another"):
        pass
    assert spans[-1].trace_id != run.trace_id


def test_the_tracing_made_last_counts(spans: list[Span]) -> None:
    """Also for tracers that are there already; and without any destination nothing is recorded."""
    others: list[Span] = []
    Tracing(to=[others.append])
    tracer.start_span("one").end()
    assert [span.name for span in others] == ["one"]
    Tracing()
    span = tracer.start_span("two")
    assert not span.is_recording()
    assert span.get_span_context().trace_flags.sampled
    assert spans == []


def test_tracers() -> None:
    """One for each library, version, schema and attributes; code that names endlessly many fills no memory."""
    fresh = TracerProvider()
    one = fresh.get_tracer("a", "1", "https://x", {"k": 1})
    assert fresh.get_tracer("a", "1", "https://x", {"k": 1}) is one
    assert fresh.get_tracer("a", "1", "https://x") is not one
    assert fresh.get_tracer("a", "1", "https://x", {"k": [1]}) is not one
    for number in range(3 * MAX_KEPT):
        fresh.get_tracer(f"tracer {number}")
    assert len(fresh._tracers) == MAX_KEPT
    assert fresh.get_tracer("a", "1", "https://x", {"k": 1}) is one


def test_the_scope(spans: list[Span]) -> None:
    """What an exporter says of the library."""
    provider.get_tracer("lib", "3", "https://schema", {"k": ["v"]}).start_span("s").end()
    scope = spans[0].instrumentation_scope
    assert (scope.name, scope.version, scope.schema_url) == ("lib", "3", "https://schema")
    assert dict(scope.attributes) == {"k": ["v"]}
    provider.get_tracer(None).start_span("s").end()  # type: ignore[arg-type]
    assert spans[1].instrumentation_scope.name == ""


def test_what_a_span_is_started_with(spans: list[Span]) -> None:
    """Kind, attributes, links and the time; the end may be told too."""
    link = Link(REMOTE, {"why": "batch"})
    span = tracer.start_span("s", kind=SpanKind.CLIENT, attributes={"a": 1}, links=[link], start_time=1_000)
    span.end(3_000)
    (span,) = spans
    assert (span.kind, span.attributes, span.start_time, span.end_time) == (SpanKind.CLIENT, {"a": 1}, 1_000, 3_000)
    assert [(one.context, one.attributes) for one in span.links] == [(REMOTE, {"why": "batch"})]
    assert tracer.start_span("t", attributes=None, links=None).is_recording()


def test_an_explicit_parent(spans: list[Span]) -> None:
    """A context that is given counts, and the current one does not."""
    with tracer.start_as_current_span("current"):
        parent = tracer.start_span("parent", context=contexts.Context())
        below = otel.set_span_in_context(parent, contexts.Context())
        with tracer.start_as_current_span("child", context=below) as child:
            assert otel.get_current_span() is child
        assert otel.get_current_span().name == "current"  # type: ignore[attr-defined]
    parent.end()
    found = named(spans)
    assert found["parent"].parent is None
    assert found["child"].parent_id == found["parent"].span_id
    assert found["child"].trace_id == found["parent"].trace_id != found["current"].trace_id


def test_a_block_with_a_context_takes_only_the_parent(door: Any, spans: list[Span]) -> None:
    """As with the SDK: the request is still the one that is served, whatever context a library has made itself."""
    seen: list[Any] = []

    def handler() -> None:
        given = contexts.set_value("key", "given", contexts.Context())
        with tracer.start_as_current_span("s", context=given) as span:
            seen.append((otel.get_current_span() is span, contexts.get_value("key"), current() is not None))

    assert door.call(door.watch(ScriptedApp(before=handler), Tracing(to=[spans.append]))).status == 200
    assert seen == [(True, None, True)]
    assert named(spans)["s"].parent is None


@pytest.mark.parametrize(("flags", "recorded"), [("00", False), ("01", True), ("02", False), ("03", True)])
def test_a_remote_parent(spans: list[Span], flags: str, recorded: bool) -> None:
    """A message from elsewhere: its trace goes on, with its decision."""
    context = extract({"traceparent": f"00-{TRACE_ID}-{PARENT_ID}-{flags}", "tracestate": "rojo=1"})
    span = tracer.start_span("consume", context, SpanKind.CONSUMER)
    known = span.get_span_context()
    assert f"{known.trace_id:032x}" == TRACE_ID
    assert known.trace_flags == int(flags)
    assert known.trace_state.get("rojo") == "1"
    assert span.is_recording() is recorded
    assert known.span_id != int(PARENT_ID, 16)
    span.end()
    assert len(spans) == recorded
    if recorded:
        parent = spans[0].parent
        assert parent is not None
        assert (parent.trace_id, parent.span_id, parent.is_remote) == (int(TRACE_ID, 16), int(PARENT_ID, 16), True)


def test_sampling_of_what_begins_here(spans: list[Span]) -> None:
    """The sampler of the `Tracing` made last; a child is never asked about."""
    Tracing(to=[spans.append], sampler=Sampler(ratio=0))
    with tracer.start_as_current_span("root") as root, tracer.start_as_current_span("child") as child:
        assert isinstance(root, NonRecordingSpan)
        assert not child.is_recording()
        assert child.get_span_context().trace_id == root.get_span_context().trace_id
        assert child.get_span_context().is_valid
        assert not child.get_span_context().trace_flags.sampled
    assert spans == []
    Tracing(to=[spans.append], sampler=Sampler(ratio=1))
    tracer.start_span("kept").end()
    assert spans[0].trace_state == "ot=th:0"


def test_below_what_is_not_sampled(door: Any, spans: list[Span]) -> None:
    """Nothing of an unsampled request arrives, however deep, and each call to others says so."""
    seen: list[SpanContext] = []

    def handler() -> None:
        with tracer.start_as_current_span("a"), tracer.start_as_current_span("b", kind=SpanKind.CLIENT) as span:
            seen.append(span.get_span_context())

    app = door.watch(ScriptedApp(before=handler), Tracing(to=[spans.append]))
    door.call(app, headers=[("host", "h"), ("traceparent", f"00-{TRACE_ID}-{PARENT_ID}-00")])
    assert spans == []
    (context,) = seen
    assert f"{context.trace_id:032x}" == TRACE_ID
    assert not context.trace_flags.sampled


def test_below_the_server_span(door: Any, spans: list[Span]) -> None:
    """Library spans nest, and go where the spans of this request go: not to a Tracing made since."""
    own: list[Span] = []

    def handler() -> None:
        with tracer.start_as_current_span("outer"), otel.get_tracer("other").start_as_current_span("inner"):
            pass

    app = door.watch(ScriptedApp(before=handler), Tracing(to=[own.append]))
    Tracing(to=[spans.append])
    door.call(app)
    assert spans == []
    found = named(own)
    assert [span.name for span in own] == ["inner", "outer", "GET"]
    assert found["inner"].parent_id == found["outer"].span_id
    assert found["outer"].parent_id == found["GET"].span_id
    assert {span.trace_id for span in own} == {found["GET"].trace_id}


def test_an_exception_leaves_a_block(spans: list[Span]) -> None:
    """It is recorded once, and is the one that goes on; what ends a task is no error."""
    error = KeyError("k")
    with pytest.raises(KeyError) as raised, tracer.start_as_current_span("s"):
        raise error
    assert raised.value is error
    with pytest.raises(KeyError), tracer.start_as_current_span("quiet", record_exception=False):
        raise error
    with pytest.raises(KeyError), tracer.start_as_current_span("unmarked", set_status_on_exception=False):
        raise error
    with pytest.raises(asyncio.CancelledError), tracer.start_as_current_span("cancelled"):
        raise asyncio.CancelledError
    with pytest.raises(KeyError), tracer.start_as_current_span("ok") as span:
        span.set_status(StatusCode.OK)
        raise error
    found = named(spans)
    assert [event.name for event in found["s"].events] == ["exception"]
    assert found["s"].attributes["error.type"] == "KeyError"
    assert {name: (len(one.events), one.status_code.name) for name, one in found.items()} == {
        "s": (1, "ERROR"),
        "quiet": (0, "ERROR"),
        "unmarked": (1, "UNSET"),
        "cancelled": (0, "UNSET"),
        "ok": (1, "OK"),
    }


def test_a_decorator(spans: list[Span]) -> None:
    """A span for each call."""

    @tracer.start_as_current_span("call", attributes={"a": 1})
    def function(value: int) -> int:
        otel.get_current_span().set_attribute("value", value)
        return value + 1

    assert [function(1), function(2)] == [2, 3]
    assert [span.attributes for span in spans] == [{"a": 1, "value": 1}, {"a": 1, "value": 2}]
    assert function.__name__ == "function"


def test_a_decorated_coroutine(spans: list[Span]) -> None:
    """The span lasts until the coroutine is done; several at once do not meet."""

    @tracer.start_as_current_span("call")
    async def work(number: int) -> int:
        await asyncio.sleep(0)
        otel.get_current_span().set_attribute("number", number)
        return number

    async def main() -> None:
        assert await asyncio.gather(*map(work, range(20))) == list(range(20))

    asyncio.run(main())
    assert [span.attributes["number"] for span in spans] == list(range(20))


def test_the_block_does_not_end_it(spans: list[Span]) -> None:
    with tracer.start_as_current_span("s", end_on_exit=False) as span:
        pass
    assert spans == []
    assert span.is_recording()
    span.end()
    assert spans == [span]


def test_use_span(spans: list[Span]) -> None:
    """OpenTelemetry's own block around a span of ours."""
    span = tracer.start_span("s")
    with otel.use_span(span, end_on_exit=True), tracer.start_as_current_span("child"):
        pass
    assert [one.name for one in spans] == ["child", "s"]
    assert spans[0].parent_id == spans[1].span_id


def test_a_block_left_elsewhere(spans: list[Span]) -> None:
    """A generator that another task closes cannot restore what was current there; the span ends all the same."""

    def generator() -> Generator[int, None, None]:
        with tracer.start_as_current_span("s"):
            yield 1

    one = generator()
    contextvars.copy_context().run(next, one)
    one.close()
    assert [span.name for span in spans] == ["s"]
    assert not otel.get_current_span().get_span_context().is_valid


def test_threads_and_tasks(spans: list[Span]) -> None:
    """A task has its parent by itself, a thread the one that it is given; a bare one starts a trace."""

    def work(name: str) -> None:
        tracer.start_span(name).end()

    def run(target: Any, *args: Any) -> None:
        thread = threading.Thread(target=target, args=args)
        thread.start()
        thread.join()

    async def main() -> None:
        with tracer.start_as_current_span("root"):
            task = asyncio.create_task(asyncio.to_thread(work, "task"))
            run(contextvars.copy_context().run, work, "given")
            run(work, "bare")
            await task

    asyncio.run(main())
    found = named(spans)
    assert found["task"].parent_id == found["given"].parent_id == found["root"].span_id
    assert found["bare"].parent is None


def test_limits_of_what_a_span_is_started_with(spans: list[Span]) -> None:
    """Attributes, links and events; what is too much is counted."""
    links = [Link(REMOTE, dict.fromkeys(map(str, range(300)), 1))] * 200
    span = tracer.start_span("s", attributes={str(number): number for number in range(200)}, links=links)
    for _ in range(200):
        span.add_event("e", dict.fromkeys(map(str, range(300)), 1))
    span.set_attribute("long", "x" * 10)
    span.end()
    (one,) = spans
    assert (len(one.attributes), one.dropped_attributes) == (LIMITS.attributes, 200 - LIMITS.attributes + 1)
    assert (len(one.links), one.dropped_links) == (LIMITS.links, 200 - LIMITS.links)
    assert (len(one.events), one.dropped_events) == (LIMITS.events, 200 - LIMITS.events)
    assert one.events[0].dropped_attributes == one.links[0].dropped_attributes == 300 - LIMITS.attributes


@pytest.mark.parametrize(
    "value", [None, object(), {"a": 1}, {1, 2}, 2**200, float("nan"), b"\xff", [1, "a", None], "\ud800"]
)
def test_attributes_of_any_type(spans: list[Span], value: Any) -> None:
    """Whatever it is, it breaks nothing; how it is said is the exporter's concern."""
    with tracer.start_as_current_span("s", attributes={"start": value}) as span:
        span.set_attribute("later", value)
        span.add_event("e", {"event": value})
        span.add_link(REMOTE, {"link": value})
    assert len(spans) == 1


@pytest.mark.parametrize(
    "wrong", [{"attributes": 5}, {"links": 5}, {"links": [5]}, {"attributes": {None: 1}}, {"start_time": "x"}]
)
def test_a_block_that_is_started_wrongly_still_runs(spans: list[Span], wrong: Any) -> None:
    """A library's mistake is none of the request's."""
    before = dict(failures)
    ran = []
    with tracer.start_as_current_span("s", **wrong):
        ran.append(1)
    assert ran == [1]
    failures.clear()
    failures.update(before)


def test_what_exporters_read(spans: list[Span]) -> None:
    """`ReadableSpan` of the SDK: each of its properties that is data."""
    from opentelemetry.sdk.trace import ReadableSpan

    with tracer.start_as_current_span("s"):
        pass
    (span,) = spans
    names = {name for name, value in vars(ReadableSpan).items() if isinstance(value, property)}
    missing = {name for name in names if not hasattr(span, name)} - {"instrumentation_info"}
    assert missing == set()
    assert (span.status.status_code, span.status.description) == (StatusCode.UNSET, None)
    assert span.context is span.get_span_context()
