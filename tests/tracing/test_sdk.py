"""Differential test: the same program makes the same spans with OpenTelemetry's SDK and with ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.trace import TracerProvider as SDKProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from midwatch import Tracing
from midwatch.tracing.policy import policy
from midwatch.tracing.provider import provider

REMOTE = SpanContext(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, True, TraceFlags(1))
UNSAMPLED = SpanContext(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, True, TraceFlags(0))
START = 1_700_000_000_000_000_000


class PlannedError(Exception):
    """What a program raises."""


@dataclass(frozen=True)
class Node:
    """One span of a program, and what goes on within it."""

    name: str
    kind: SpanKind
    attributes: dict[str, Any]
    steps: tuple[Any, ...]
    children: tuple[Node, ...]
    raises: bool
    how: str
    where: str


values = st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(max_size=20),
                   st.lists(st.integers(0, 9), max_size=4), st.lists(st.text(max_size=3), max_size=4))  # fmt: skip
names = st.text("abcdé.", min_size=1, max_size=6)
attributes = st.dictionaries(names, values, max_size=12)
statuses = st.one_of(
    st.tuples(st.sampled_from(StatusCode), st.none() | st.just("why")),
    st.tuples(st.sampled_from([Status(), Status(StatusCode.OK), Status(StatusCode.ERROR, "because")])),
)
steps = st.one_of(
    st.tuples(st.just("set_attribute"), st.tuples(names, values)),
    st.tuples(st.just("set_attributes"), st.tuples(attributes)),
    st.tuples(st.just("add_event"), st.tuples(names, attributes, st.integers(1, 2**60))),
    st.tuples(st.just("add_link"), st.tuples(st.sampled_from([REMOTE, otel.INVALID_SPAN_CONTEXT]), attributes)),
    st.tuples(st.just("update_name"), st.tuples(names)),
    st.tuples(st.just("set_status"), statuses),
    st.tuples(st.just("record_exception"), st.tuples(st.just(PlannedError("told")), attributes, st.integers(1, 2**60))),
    st.tuples(st.just("end"), st.tuples(st.integers(START, 2 * START))),
)


def node(children: st.SearchStrategy[tuple[Node, ...]]) -> st.SearchStrategy[Node]:
    return st.builds(
        Node,
        name=names,
        kind=st.sampled_from(SpanKind),
        attributes=attributes,
        steps=st.lists(steps, max_size=8).map(tuple),
        children=children,
        raises=st.booleans(),
        how=st.sampled_from(["block", "use_span", "explicit", "quiet", "open"]),
        where=st.sampled_from(["current", "current", "current", "root", "remote", "unsampled"]),
    )


trees = st.recursive(node(st.just(())), lambda inner: node(st.lists(inner, max_size=3).map(tuple)), max_leaves=12)


def run(tracer: otel.Tracer, one: Node) -> None:
    """The program."""
    parents = {"remote": REMOTE, "unsampled": UNSAMPLED}
    context = None if one.where == "current" else Context()
    if one.where in parents:
        context = otel.set_span_in_context(NonRecordingSpan(parents[one.where]), context)
    told: dict[str, Any] = {"context": context, "kind": one.kind, "attributes": one.attributes,
                            "links": [Link(REMOTE, one.attributes)], "start_time": START}  # fmt: skip
    try:
        if one.how == "block":
            with tracer.start_as_current_span(one.name, **told) as span:
                work(tracer, span, one)
        elif one.how == "quiet":
            with tracer.start_as_current_span(
                one.name, **told, record_exception=False, set_status_on_exception=False
            ) as span:
                work(tracer, span, one)
        elif one.how == "open":
            with tracer.start_as_current_span(one.name, **told, end_on_exit=False) as span:
                work(tracer, span, one, ends=True)
        elif one.how == "use_span":
            with otel.use_span(tracer.start_span(one.name, **told), end_on_exit=True) as span:
                work(tracer, span, one)
        else:
            span = tracer.start_span(one.name, **told)
            span.set_attribute("explicit", True)
            span.end()
    except PlannedError:
        pass


def work(tracer: otel.Tracer, span: otel.Span, one: Node, *, ends: bool = False) -> None:
    for number, child in enumerate(one.children):
        if number == 0:
            run(tracer, child)
    for method, arguments in one.steps:
        getattr(span, method)(*arguments)
    for child in one.children[1:]:
        run(tracer, child)
    if ends:
        span.end()
    if one.raises:
        raise PlannedError("raised")


def plain(attributes: Any) -> dict[str, Any]:
    """Attributes but for what differs by design: we name the class of an error on the span, as conventions say."""
    return {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in attributes.items()
        if key not in {"error.type", "exception.stacktrace"}
    }


def described(spans: list[Any]) -> list[Any]:
    """What an exporter sees, without the ids, which are random; parents by their place in the list."""
    places = {span.context.span_id: place for place, span in enumerate(spans)}
    traces: dict[int, int] = {}
    seen = []
    for span in spans:
        known = span.parent
        exceptions = [event for event in span.events if event.name == "exception"]
        seen.append(
            {
                "name": span.name,
                "kind": span.kind,
                "trace": traces.setdefault(span.context.trace_id, len(traces)),
                "parent": None if known is None else places.get(known.span_id, known.span_id),
                "remote": None if known is None else known.is_remote,
                "attributes": plain(span.attributes),
                "events": [
                    (event.name, None if event in exceptions else event.timestamp, plain(event.attributes))
                    for event in span.events
                ],
                "links": [(link.context, plain(link.attributes)) for link in span.links],
                "status": span.status.status_code,
                "start": span.start_time,
                "sampled": span.context.trace_flags.sampled,
                "dropped": (span.dropped_attributes, span.dropped_events, span.dropped_links),
            }
        )
    return seen


@pytest.fixture(scope="module", autouse=True)
def _policy() -> Iterator[None]:
    kept = {name: getattr(policy, name) for name in policy.__slots__}
    yield
    for name, value in kept.items():
        setattr(policy, name, value)


@settings(max_examples=200, deadline=None)
@given(st.lists(trees, min_size=1, max_size=3))
def test_the_same_spans(programs: list[Node]) -> None:
    """Names, kinds, traces, parents, attributes, events, links, statuses and the order in which they end."""
    exporter = InMemorySpanExporter()
    sdk = SDKProvider(span_limits=SpanLimits(), shutdown_on_exit=False)
    sdk.add_span_processor(SimpleSpanProcessor(exporter))
    ours: list[Any] = []
    Tracing(to=[ours.append])
    for program in programs:
        run(sdk.get_tracer("t"), program)
        run(provider.get_tracer("t"), program)
    assert described(ours) == described(list(exporter.get_finished_spans()))


@settings(max_examples=50, deadline=None)
@given(st.lists(statuses, max_size=6))
def test_the_same_status(told: list[Any]) -> None:
    """Code and description, whatever is said in whatever order."""
    sdk = SDKProvider(shutdown_on_exit=False).get_tracer("t").start_span("s")
    Tracing(to=[lambda span: None])
    ours = provider.get_tracer("t").start_span("s")
    for one in told:
        sdk.set_status(*one)
        ours.set_status(*one)
    assert (ours.status.status_code, ours.status.description) == (sdk.status.status_code, sdk.status.description)  # type: ignore[attr-defined]
