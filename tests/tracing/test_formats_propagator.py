"""Formats as OpenTelemetry's own propagators, by the carriers and getters that its users have."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from midwatch.tracing.formats import FORMATS, INCOMING, Incoming, Propagator
from midwatch.tracing.formats import propagator as entry_points

if TYPE_CHECKING:
    from midwatch.tracing import Span

T = "0af7651916cd43dd8448eb211c80319c"
P = "b7ad6b7169203331"
OTHER = T[::-1]

ENTRY_POINTS = {
    "b3": "B3",
    "b3multi": "B3Multi",
    "jaeger": "Jaeger",
    "xray": "XRay",
    "ottrace": "OTTrace",
    "cloudtrace": "CloudTrace",
}


def of(*names: str) -> Propagator:
    return Propagator([FORMATS[name] for name in names])


def remote(context: Context) -> SpanContext:
    return trace.get_current_span(context).get_span_context()


def current(flags: int = 1, trace_id: str = T, state: str = "") -> Context:
    """A context whose span is not one of ours."""
    context = SpanContext(int(trace_id, 16), int(P, 16), False, TraceFlags(flags), TraceState.from_header([state]))
    return trace.set_span_in_context(NonRecordingSpan(context), Context())


def test_a_callers_span_becomes_the_parent() -> None:
    context = of("tracecontext").extract({"traceparent": f"00-{T}-{P}-03", "tracestate": "a=1,b=2"})
    parent = remote(context)
    assert parent.is_remote
    assert (parent.trace_id, parent.span_id, parent.trace_flags) == (int(T, 16), int(P, 16), 3)
    assert parent.trace_state.to_header() == "a=1,b=2"
    assert context[INCOMING] == Incoming(T, P, sampled=True, random=2, state="a=1,b=2")


@pytest.mark.parametrize(
    ("name", "carrier", "incoming"),
    [
        ("b3", {"b3": "0"}, Incoming(sampled=False)),
        ("b3multi", {"x-b3-flags": "1"}, Incoming(sampled=True, debug=True)),
        ("jaeger", {"jaeger-debug-id": "x"}, Incoming(sampled=True, debug=True)),
        ("xray", {"x-amzn-trace-id": f"Root=1-{T[:8]}-{T[8:]}"}, Incoming(T)),
        ("cloudtrace", {"x-cloud-trace-context": f"{T};o=1"}, Incoming(T, sampled=True)),
    ],
)
def test_what_no_span_can_say_is_kept_beside_it(name: str, carrier: dict[str, str], incoming: Incoming) -> None:
    """A decision or a root alone: there is no parent, and the span that was current stays so."""
    before = current(trace_id=OTHER)
    context = of(name).extract(carrier, before)
    assert context[INCOMING] == incoming
    assert trace.get_current_span(context) is trace.get_current_span(before)
    assert of(name).extract(carrier).keys() == {INCOMING}


def test_a_deferred_decision_is_no_denial() -> None:
    context = of("b3").extract({"b3": f"{T}-{P}"})
    assert remote(context).trace_flags == 0
    assert context[INCOMING] == Incoming(T, P, sampled=None)


BOTH = {"traceparent": f"00-{T}-{P}-01", "b3": f"{OTHER}-{P}-1"}


@pytest.mark.parametrize(
    ("names", "carrier", "trace_id"),
    [
        (["tracecontext", "b3"], BOTH, T),
        (["b3", "tracecontext"], BOTH, OTHER),
        (["jaeger", "b3", "tracecontext"], BOTH, OTHER),
        (["tracecontext", "b3"], {**BOTH, "traceparent": "garbage"}, OTHER),
        (["b3", "tracecontext"], {**BOTH, "b3": "garbage"}, T),
    ],
)
def test_the_first_valid_one_wins(names: list[str], carrier: dict[str, str], trace_id: str) -> None:
    assert remote(of(*names).extract(carrier)).trace_id == int(trace_id, 16)


@pytest.mark.parametrize(
    "carrier",
    [
        {},
        {"traceparent": "garbage", "tracestate": "a=1", "b3": "?", "uber-trace-id": ":::", "baggage": "garbage"},
        {"traceparent": [f"00-{T}-{P}-01", f"00-{T}-{P}-01"]},
        {"traceparent": []},
        {"traceparent": 5, "b3": [None, 7], "baggage": b"a=1"},
        {5: "x", None: "y", b"traceparent": "z"},
        {"uberctx-": "x", "ot-baggage-": "y", "uberctx-a b": "z"},
    ],
    ids=range(7),
)
def test_nothing_valid_changes_nothing(carrier: dict[Any, Any]) -> None:
    before = current()
    everything = of(*FORMATS)
    assert everything.extract(carrier, before) is before
    assert everything.extract(carrier) == Context()


def test_names_have_no_case() -> None:
    """A dict is a carrier, and others spell the names in their own way."""
    carrier = {"X-Amzn-Trace-Id": f"Root=1-{T[:8]}-{T[8:]};Parent={P};Sampled=1", "UberCtx-Key": "v"}
    context = of("xray", "jaeger").extract(carrier)
    assert remote(context).trace_id == int(T, 16)
    assert dict(baggage.get_all(context)) == {"key": "v"}


def test_several_lines_are_one_header() -> None:
    carrier = {"traceparent": [f"00-{T}-{P}-01"], "tracestate": ["a=1", "b=2"], "baggage": ("k=v", "l=w")}
    context = of("tracecontext", "baggage").extract(carrier)
    assert remote(context).trace_state.to_header() == "a=1,b=2"
    assert dict(baggage.get_all(context)) == {"k": "v", "l": "w"}


class Queue(Getter[list[tuple[str, str]]]):
    """A getter that knows no keys, as those of some message queues."""

    def get(self, carrier: list[tuple[str, str]], key: str) -> list[str] | None:
        return [value for name, value in carrier if name == key]

    def keys(self, carrier: list[tuple[str, str]]) -> Any:
        return None


def test_a_getter_of_any_kind_will_do() -> None:
    carrier = [("b3", f"{T}-{P}-1"), ("uberctx-k", "v")]
    context = of("tracecontext", "jaeger", "b3").extract(carrier, getter=Queue())
    assert remote(context).trace_id == int(T, 16)
    assert not baggage.get_all(context)


def test_baggage_of_all_formats_is_put_together() -> None:
    """Of one name the first, as with traces; what was there already stays unless it was sent."""
    before = baggage.set_baggage("here", "1", baggage.set_baggage("k", "old", Context()))
    carrier = {"baggage": "k=w3c,a=1", "uberctx-k": "jaeger", "uberctx-b": "2", "ot-baggage-c": "3"}
    context = of("jaeger", "baggage", "ottrace").extract(carrier, before)
    assert dict(baggage.get_all(context)) == {"here": "1", "k": "jaeger", "a": "1", "b": "2", "c": "3"}
    assert dict(baggage.get_all(before)) == {"here": "1", "k": "old"}


def inject(names: Iterable[str], context: Context | None = None) -> dict[str, str]:
    sent: dict[str, str] = {}
    of(*names).inject(sent, context)
    return sent


ALL_OF_IT = {
    "traceparent": f"00-{T}-{P}-03",
    "tracestate": "a=1",
    "baggage": "k=v%20w",
    "b3": f"{T}-{P}-1",
    "x-b3-traceid": T,
    "x-b3-spanid": P,
    "x-b3-sampled": "1",
    "uber-trace-id": f"{T}:{P}:0:1",
    "uberctx-k": "v%20w",
    "x-amzn-trace-id": f"Root=1-{T[:8]}-{T[8:]};Parent={P};Sampled=1",
    "ot-tracer-traceid": T[16:],
    "ot-tracer-spanid": P,
    "ot-tracer-sampled": "true",
    "ot-baggage-k": "v w",
    "x-cloud-trace-context": f"{T}/{int(P, 16)};o=1",
}


def test_every_format_is_written(span: Span) -> None:
    """For a span of ours and for one of others, in a context that is handed in and in the current one."""
    span.trace_state = "a=1"
    ours = baggage.set_baggage("k", "v w", trace.set_span_in_context(span, Context()))
    theirs = baggage.set_baggage("k", "v w", current(flags=3, state="a=1"))
    assert inject(FORMATS, ours) == ALL_OF_IT
    assert inject(FORMATS, theirs) == ALL_OF_IT
    token = attach(ours)
    assert inject(FORMATS) == ALL_OF_IT
    detach(token)


def test_fields_are_what_may_be_written() -> None:
    prefixed = {"uberctx-k", "ot-baggage-k"}
    assert of(*FORMATS).fields == set(ALL_OF_IT) - prefixed | {"x-b3-flags"}
    assert of("xray").fields == {"x-amzn-trace-id"}


def test_outside_a_trace_only_baggage_is_written() -> None:
    assert inject(FORMATS, Context()) == {}
    context = baggage.set_baggage("k", "v", Context())
    assert inject(FORMATS, context) == {"baggage": "k=v", "uberctx-k": "v", "ot-baggage-k": "v"}


@pytest.mark.parametrize(
    ("carrier", "trace_id", "debug"),
    [
        ({"b3": f"{T}-{P}-d"}, T, True),
        ({"b3": "d"}, T, True),
        ({"b3": f"{T}-{P}-1"}, T, False),
        ({"b3": f"{T}-{P}-d"}, OTHER, False),
    ],
)
def test_debug_is_handed_on(carrier: dict[str, str], trace_id: str, debug: bool) -> None:
    """To the next service of the trace that it was asked for, and to no other."""
    context = of("b3").extract(carrier)
    span = trace.get_current_span(current(trace_id=trace_id))
    sent = inject(["b3", "b3multi", "jaeger"], trace.set_span_in_context(span, context))
    assert sent["b3"].endswith("-d") is debug
    assert sent.get("x-b3-flags") == ("1" if debug else None)
    assert sent["uber-trace-id"].endswith(":3") is debug


@pytest.mark.parametrize("name", ["tracecontext", "b3", "b3multi", "jaeger", "xray", "cloudtrace"])
def test_what_is_written_can_be_read(name: str) -> None:
    for flags in (0, 1):
        parent = remote(of(name).extract(inject([name], current(flags))))
        assert (parent.trace_id, parent.span_id, parent.trace_flags) == (int(T, 16), int(P, 16), flags)


headers = sorted({field for one in FORMATS.values() for field in one.fields} | {"uberctx-k", "ot-baggage-k"})
garbage = st.text(max_size=60) | st.sampled_from(sorted(ALL_OF_IT.values())) | st.integers() | st.none() | st.binary()


@given(st.dictionaries(st.sampled_from(headers), garbage | st.lists(garbage, max_size=3)), st.permutations([*FORMATS]))
def test_any_carrier_can_be_read(carrier: dict[str, Any], names: list[str]) -> None:
    """What comes out of it is a context that the next service can be told of."""
    context = of(*names).extract(carrier)
    assert remote(context).is_valid or remote(context) == trace.INVALID_SPAN_CONTEXT
    sent = inject(names, context)
    assert all(value.isascii() and value.isprintable() for value in sent.values())


@pytest.mark.parametrize(("name", "attribute"), ENTRY_POINTS.items())
def test_entry_points_are_of_their_format(name: str, attribute: str) -> None:
    made = getattr(entry_points, attribute)()
    assert isinstance(made, Propagator)
    assert made.fields == of(name).fields


def python(code: str, **environ: str) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env={**os.environ, **environ}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_opentelemetry_finds_them_by_name(tmp_path: Path) -> None:
    """It loads them in the middle of its own import."""
    installed = tmp_path / "named-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: named\nVersion: 1.0\n")
    lines = [f"{name} = midwatch.tracing.formats.propagator:{made}" for name, made in ENTRY_POINTS.items()]
    (installed / "entry_points.txt").write_text("\n".join(["[opentelemetry_propagator]", *lines]))
    found = python(
        "from opentelemetry.propagate import get_global_textmap; print(*sorted(get_global_textmap().fields))",
        OTEL_PROPAGATORS=",".join(ENTRY_POINTS),
        PYTHONPATH=os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])),
    )
    assert found.split() == sorted(of(*ENTRY_POINTS).fields)


def test_they_are_imported_without_opentelemetrys() -> None:
    code = "import sys, midwatch.tracing.formats.propagator; print('opentelemetry.propagate' in sys.modules)"
    assert python(code) == "False"
