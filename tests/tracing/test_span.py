"""The span, by the OpenTelemetry API: limits, status, exceptions, ending, and what does not record."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace as otel
from opentelemetry.trace import SpanKind, Status, StatusCode, TraceFlags

from midwatch import Tracing, current
from midwatch.testing import ScriptedApp
from midwatch.tracing import Span

T = "0af7651916cd43dd8448eb211c80319c"
P = "b7ad6b7169203331"


def unrecorded(state: str = "", flags: int = 0) -> Span:
    return Span("work", SpanKind.INTERNAL, T, P, None, flags, state, 1, None)


def test_the_context_of_a_span() -> None:
    """Ids as numbers, flags and state; the same object each time."""
    context = unrecorded("rojo=1,congo=t61rcWkgMzE", 3).get_span_context()
    assert context.is_valid
    assert (context.trace_id, context.span_id) == (int(T, 16), int(P, 16))
    assert context.trace_flags == TraceFlags(3)
    assert context.trace_flags.sampled
    assert not context.is_remote
    assert list(context.trace_state.items()) == [("rojo", "1"), ("congo", "t61rcWkgMzE")]
    assert not unrecorded().get_span_context().trace_state
    one = unrecorded()
    assert one.get_span_context() is one.get_span_context()


def test_what_is_not_recorded_takes_everything_and_keeps_nothing() -> None:
    """It still has a context that the trace goes on with."""
    one = unrecorded()
    assert not one.is_recording()
    one.set_attribute("a", 1)
    one.set_attributes({"b": 2})
    one.add_event("e")
    one.add_link(unrecorded().get_span_context())
    one.record_exception(ValueError("x"))
    one.set_status(StatusCode.ERROR)
    one.update_name("other")
    one.end()
    assert one.name == "work"
    assert not hasattr(one, "attributes")
    assert one.get_span_context().is_valid


def test_a_sampled_span_without_a_destination_is_not_recorded(trace: Callable[..., Any]) -> None:
    """Nothing is recorded for nobody."""
    assert not trace(("traceparent", f"00-{T}-{P}-01")).span.is_recording()
    assert trace().exchange.trace_flags == 3


@pytest.mark.parametrize(("flags", "exports"), [("00", 0), ("02", 0), ("01", 1), ("03", 1)])
def test_the_callers_decision_is_obeyed(trace: Callable[..., Any], flags: str, exports: int) -> None:
    """What the caller does not sample goes to no destination, though it is sent on."""
    spans: list[Span] = []
    trace(("traceparent", f"00-{T}-{P}-{flags}"), to=[spans.append])
    assert len(spans) == exports


def test_attributes(span: Span) -> None:
    """The latest value of a key counts, 128 keys are kept, the rest is counted."""
    for number in range(200):
        span.set_attribute(f"k{number}", number)
    span.set_attributes({"k0": "again", "another": 1})
    assert len(span.attributes) == 128
    assert span.attributes["k0"] == "again"
    assert span.dropped_attributes == 73


def test_what_names_no_attribute_is_dropped(span: Span) -> None:
    """Keys are text (specification, "Attribute"); anything else is counted, and breaks nothing."""
    for key in (None, 1, ["unhashable"], ""):
        span.set_attribute(key, 1)  # type: ignore[arg-type]
    assert span.attributes == {}
    assert span.dropped_attributes == 4


def test_events(span: Span) -> None:
    """Name, time and attributes; 128 of them, the rest is counted apart from the attributes."""
    span.add_event("given", {"a": 1}, 5)
    span.add_event("now")
    assert span.events[0] == ("given", 5, {"a": 1}, 0)
    assert span.events[1].timestamp > 1_700_000_000_000_000_000
    for _ in range(130):
        span.add_event("more")
    assert len(span.events) == 128
    assert (span.dropped_attributes, span.dropped_events) == (0, 4)


def test_an_event_keeps_what_it_was_told(span: Span) -> None:
    """A dict that the application goes on using is not the event's."""
    told = {"a": 1}
    span.add_event("e", told)
    told["a"] = 2
    assert span.events[0].attributes == {"a": 1}


def test_links(span: Span) -> None:
    """Other traces that a span belongs to; 128, and only valid ones."""
    other = unrecorded().get_span_context()
    span.add_link(other, {"why": "batch"})
    span.add_link(otel.INVALID_SPAN_CONTEXT)
    assert list(span.links) == [(other, {"why": "batch"}, 0)]
    for _ in range(200):
        span.add_link(other)
    assert len(span.links) == 128


@pytest.mark.parametrize(
    ("told", "status", "description"),
    [
        ([], StatusCode.UNSET, None),
        ([StatusCode.ERROR], StatusCode.ERROR, None),
        ([Status(StatusCode.ERROR, "why")], StatusCode.ERROR, "why"),
        ([(StatusCode.ERROR, "why")], StatusCode.ERROR, "why"),
        ([StatusCode.OK], StatusCode.OK, None),
        ([(StatusCode.OK, "why")], StatusCode.OK, None),
        ([StatusCode.OK, StatusCode.ERROR], StatusCode.OK, None),
        ([StatusCode.OK, StatusCode.UNSET], StatusCode.OK, None),
        ([StatusCode.ERROR, StatusCode.OK], StatusCode.OK, None),
        ([(StatusCode.ERROR, "why"), StatusCode.OK], StatusCode.OK, None),
        ([StatusCode.ERROR, StatusCode.UNSET], StatusCode.ERROR, None),
        ([(StatusCode.ERROR, "a"), (StatusCode.ERROR, "b")], StatusCode.ERROR, "b"),
    ],
)
def test_status(span: Span, told: list[Any], status: StatusCode, description: str | None) -> None:
    """OK is final, UNSET is ignored, and only an error has a description (specification, "Set Status")."""
    for one in told:
        span.set_status(*one) if isinstance(one, tuple) else span.set_status(one)
    assert (span.status_code, span.status_description) == (status, description)


def test_an_exception_is_an_event(span: Span) -> None:
    """Type, message and stack; attributes of the caller go before ours."""
    try:
        raise ValueError("no")
    except ValueError as error:
        span.record_exception(error, {"exception.message": "other", "more": 1}, 7, escaped=True)
    (event,) = span.events
    assert (event.name, event.timestamp) == ("exception", 7)
    assert event.attributes["exception.type"] == "ValueError"
    assert event.attributes["exception.message"] == "other"
    assert event.attributes["exception.escaped"] == "True"
    assert event.attributes["more"] == 1
    assert "raise ValueError" in event.attributes["exception.stacktrace"]
    assert span.status_code is StatusCode.UNSET


class HostileError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("hostile")

    __repr__ = __str__


@pytest.mark.parametrize("error", [HostileError(), ValueError("\ud800")], ids=["hostile", "surrogate"])
def test_any_exception_can_be_recorded(span: Span, error: Exception) -> None:
    """`use_span` records while the exception is on its way: raising there would put another in its place."""
    with pytest.raises(type(error)) as raised, otel.use_span(span, end_on_exit=True, set_status_on_exception=False):
        raise error
    assert raised.value is error
    (event,) = span.events
    assert event.attributes["exception.type"].endswith(type(error).__qualname__)


def test_use_span(span: Span, exported: list[Span]) -> None:
    """A span that OpenTelemetry ends: current inside, exception and status noted, handed over once."""
    with pytest.raises(ValueError, match="no"), otel.use_span(span, end_on_exit=True):
        assert otel.get_current_span() is span
        raise ValueError("no")
    assert exported == [span]
    assert span.status_code is StatusCode.ERROR
    assert span.status_description == "ValueError: no"
    assert [event.name for event in span.events] == ["exception"]


def test_the_end(span: Span, exported: list[Span]) -> None:
    """A span ends once; what comes later is ignored."""
    assert span.is_recording()
    with span:
        span.set_attribute("a", 1)
    ended = span.end_time
    assert ended > span.start_time
    span.end(5)
    span.set_attribute("b", 2)
    span.add_event("late")
    span.update_name("late")
    span.set_status(StatusCode.ERROR)
    assert exported == [span]
    assert not span.is_recording()
    assert (span.end_time, span.name, span.status_code) == (ended, "work", StatusCode.UNSET)
    assert (span.attributes, span.events) == ({"a": 1}, [])


def test_the_end_may_be_told(span: Span) -> None:
    span.end(span.start_time + 5)
    assert span.end_time == span.start_time + 5


def test_a_new_name(span: Span) -> None:
    span.update_name("better")
    assert span.name == "better"


@given(st.text(), st.from_type(object))
def test_any_value_can_be_noted(name: str, value: Any) -> None:
    """What it is like is found out when it is written."""
    one = Span("work", SpanKind.INTERNAL, T, P, None, 3, "", 1, lambda span: None)
    one.set_attribute(name, value)
    one.add_event(name, {name: value})
    one.end()


def test_nested_below_the_server_span(door: Any) -> None:
    """A span that is current inside a handler is the parent for whoever asks OpenTelemetry, and then no more."""
    seen: list[Any] = []
    inner = Span("inner", SpanKind.INTERNAL, T, P, None, 3, "", 1, seen.append)

    def handler() -> None:
        exchange = current()
        assert exchange is not None
        assert otel.get_current_span() is exchange.span
        with otel.use_span(inner, end_on_exit=True):
            assert otel.get_current_span() is inner
            assert current() is exchange
        assert otel.get_current_span() is exchange.span
        server = exchange.span
        assert server is not None
        assert f"{server.get_span_context().trace_id:032x}" == exchange.trace_id
        assert f"{server.get_span_context().span_id:016x}" == exchange.span_id

    answer = door.call(door.watch(ScriptedApp(before=handler), Tracing(to=[seen.append])))
    assert answer.error is None
    assert [span.name for span in seen] == ["inner", "GET"]
    assert current() is None
    assert not otel.get_current_span().get_span_context().is_valid


def test_threads_see_what_they_are_given(door: Any) -> None:
    """A copied context carries the span and the exchange together."""
    import contextvars

    seen: list[bool] = []

    def look() -> None:
        exchange = current()
        seen.append(exchange is not None and otel.get_current_span() is exchange.span)

    def handler() -> None:
        thread = threading.Thread(target=contextvars.copy_context().run, args=(look,))
        thread.start()
        thread.join()

    door.call(door.watch(ScriptedApp(before=handler), Tracing()))
    assert seen == [True]
