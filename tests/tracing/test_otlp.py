"""Spans as OTLP JSON, checked field by field against the protocol's own rules for its JSON form."""

from __future__ import annotations

import base64
import enum
import json
import math
import re
import stat
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.trace import SpanKind, StatusCode

from midwatch import Tracing, flush
from midwatch.service import Service
from midwatch.testing import ScriptedApp
from midwatch.tracing import Span
from midwatch.tracing.details import MIDWATCH, Scope
from midwatch.tracing.export import values
from midwatch.tracing.export.body import Bodies
from midwatch.tracing.export.otlp import OTLP
from midwatch.tracing.export.resource import resource_of
from midwatch.tracing.export.values import attributes_of

from .strict import read_traces

T = "0af7651916cd43dd8448eb211c80319c"
P = "b7ad6b7169203331"
SERVICE = Service("shop", "1.2", "test", (("host.name", "a"),))

# A strict reader: every key is known, every value of its type. https://opentelemetry.io/docs/specs/otlp/

MAX_UINT32 = 2**32 - 1


def encode_spans(spans: Any, service: Service) -> str:
    """All of them in one line."""
    bodies = Bodies(OTLP(service))
    bodies.begin(spans)
    body = bodies.following()
    assert body is not None
    assert (bodies.count, bodies.lost) == (len(spans), 0)
    text = str(body, "ascii")
    assert bodies.following() is None
    return text


def check_traces(line: str) -> list[dict[str, Any]]:
    """The spans of one line."""
    assert line.isprintable() or not re.search("[\n\r\x7f-\x9f\u2028\u2029]", line)
    data = json.loads(line, parse_constant=refused, object_pairs_hook=once)
    only(data, {"resourceSpans"})
    spans = []
    for resource_spans in data["resourceSpans"]:
        only(resource_spans, {"resource", "scopeSpans"})
        only(resource_spans["resource"], {"attributes"})
        check_attributes(resource_spans["resource"]["attributes"])
        for scope_spans in resource_spans["scopeSpans"]:
            only(scope_spans, {"scope", "spans", "schemaUrl"})
            only(scope_spans["scope"], {"name", "version", "attributes"})
            check_attributes(scope_spans["scope"].get("attributes", []))
            for span in scope_spans["spans"]:
                check_span(span)
                spans.append(span)
    return spans


def refused(constant: str) -> Any:
    raise AssertionError(f"{constant} is not JSON")


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs), "a key that comes twice"
    return dict(pairs)


def only(found: dict[str, Any], known: set[str]) -> None:
    assert set(found) <= known, set(found) - known


def check_span(span: dict[str, Any]) -> None:
    required = {"traceId", "spanId", "flags", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes"}
    assert required <= set(span)
    only(
        span,
        required
        | {"parentSpanId", "traceState", "events", "links", "status"}
        | {"droppedAttributesCount", "droppedEventsCount", "droppedLinksCount"},
    )
    assert re.fullmatch("(?!0{32})[0-9a-f]{32}", span["traceId"])
    assert re.fullmatch("(?!0{16})[0-9a-f]{16}", span["spanId"])
    assert re.fullmatch("(?!0{16})[0-9a-f]{16}", span.get("parentSpanId", P))
    assert type(span["flags"]) is int
    assert 0x100 <= span["flags"] <= 0x3FF
    assert type(span["name"]) is str
    assert span["kind"] in {1, 2, 3, 4, 5}
    for moment in ("startTimeUnixNano", "endTimeUnixNano"):
        check_uint64(span[moment])
    check_attributes(span["attributes"])
    for event in span.get("events", []):
        only(event, {"name", "timeUnixNano", "attributes", "droppedAttributesCount"})
        assert type(event["name"]) is str
        check_uint64(event["timeUnixNano"])
        check_attributes(event["attributes"])
    for link in span.get("links", []):
        only(link, {"traceId", "spanId", "traceState", "flags", "attributes", "droppedAttributesCount"})
        assert 0x100 <= link["flags"] <= 0x3FF
        assert re.fullmatch("(?!0{32})[0-9a-f]{32}", link["traceId"])
        assert re.fullmatch("(?!0{16})[0-9a-f]{16}", link["spanId"])
        check_attributes(link["attributes"])
    status = span.get("status", {})
    only(status, {"code", "message"})
    assert status.get("code", 0) in {0, 1, 2}
    assert type(status.get("message", "")) is str
    for count in ("droppedAttributesCount", "droppedEventsCount", "droppedLinksCount"):
        assert 0 <= span.get(count, 0) <= MAX_UINT32


def check_uint64(text: Any) -> None:
    assert type(text) is str
    assert re.fullmatch("[0-9]+", text)
    assert int(text) < 2**64


def check_attributes(attributes: Any) -> None:
    assert type(attributes) is list
    for attribute in attributes:
        only(attribute, {"key", "value"})
        assert type(attribute["key"]) is str
        check_value(attribute["value"])
    keys = [attribute["key"] for attribute in attributes]
    assert len(set(keys)) == len(keys)


def check_value(value: Any, depth: int = 0) -> None:
    assert type(value) is dict
    if not value:
        return  # None
    ((kind, held),) = value.items()
    match kind:
        case "stringValue":
            assert type(held) is str
            held.encode()
        case "boolValue":
            assert type(held) is bool
        case "intValue":
            assert type(held) is str
            assert -(2**63) <= int(held) < 2**63
        case "doubleValue":
            assert held in {"NaN", "Infinity", "-Infinity"} or (type(held) is float and math.isfinite(held))
        case "bytesValue":
            base64.b64decode(held, validate=True)
        case "arrayValue":
            only(held, {"values"})
            for item in held["values"]:
                check_value(item, depth + 1)
        case "kvlistValue":
            only(held, {"values"})
            for pair in held["values"]:
                only(pair, {"key", "value"})
                assert type(pair["key"]) is str
                check_value(pair["value"], depth + 1)
        case _:
            raise AssertionError(kind)


def made(
    name: Any = "work",
    *,
    parent: str | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    state: str = "",
    remote: bool = False,
    scope: Scope = MIDWATCH,
) -> Span:
    return Span(name, kind, T, P, parent, 3, state, 1_700_000_000_000_000_000, lambda span: None, remote, scope)


def encoded(span: Span) -> dict[str, Any]:
    if span.is_recording():
        span.end(span.start_time + 5)
    (one,) = check_traces(encode_spans([span], SERVICE))
    return one


def value_of(value: Any) -> Any:
    span = made()
    span.attributes["k"] = value
    return encoded(span)["attributes"][0]["value"]


def test_a_whole_span() -> None:
    """Everything that a span can hold."""
    span = made("GET /", parent="00f067aa0ba902b7", kind=SpanKind.SERVER, state="rojo=1", remote=True)
    span.set_attribute("a", 1)
    span.add_event("e", {"b": True}, 7)
    span.add_link(made(state="congo=2").get_span_context(), {"c": "d"})
    span.set_status(StatusCode.ERROR, "why")
    for number in range(200):
        span.set_attribute(f"k{number}", 1)
        span.add_event("more", None, 8)
    one = encoded(span)
    attributes, events = one.pop("attributes"), one.pop("events")
    assert attributes[0] == {"key": "a", "value": {"intValue": "1"}}
    assert len(attributes) == 128
    assert events[0] == {
        "name": "e",
        "timeUnixNano": "7",
        "attributes": [{"key": "b", "value": {"boolValue": True}}],
    }
    assert len(events) == 128
    assert one == {
        "traceId": T,
        "spanId": P,
        "parentSpanId": "00f067aa0ba902b7",
        "traceState": "rojo=1",
        "flags": 0x303,
        "name": "GET /",
        "kind": 2,
        "startTimeUnixNano": "1700000000000000000",
        "endTimeUnixNano": "1700000000000000005",
        "links": [
            {
                "traceId": T,
                "spanId": P,
                "traceState": "congo=2",
                "flags": 0x103,
                "attributes": [{"key": "c", "value": {"stringValue": "d"}}],
            }
        ],
        "status": {"code": 2, "message": "why"},
        "droppedAttributesCount": 73,
        "droppedEventsCount": 73,
    }


@pytest.mark.parametrize(
    ("remote", "parent", "flags"),
    [(False, None, 0x103), (True, P, 0x303), (False, P, 0x103), (True, None, 0x103)],
)
def test_whether_the_parent_is_remote(remote: bool, parent: str | None, flags: int) -> None:
    """It may be in another process, if there is one."""
    assert encoded(made(remote=remote, parent=parent))["flags"] == flags


def test_spans_are_told_with_the_library_that_made_them() -> None:
    """Those of one are together, whatever the order; only what a library says of itself is said."""
    library = Scope("sqlalchemy", "2.0", "https://opentelemetry.io/schemas/1.37.0", (("team", "db"), ("n", [1])))
    spans = [made("a"), made("b", scope=library), made("c"), made("d", scope=library), made("e", scope=Scope("bare"))]
    (resource_spans,) = json.loads(encode_spans(spans, SERVICE))["resourceSpans"]
    told = resource_spans["scopeSpans"]
    assert [[span["name"] for span in one.pop("spans")] for one in told] == [["a", "c"], ["b", "d"], ["e"]]
    attributes = [
        {"key": "team", "value": {"stringValue": "db"}},
        {"key": "n", "value": {"arrayValue": {"values": [{"intValue": "1"}]}}},
    ]
    assert told == [
        {"scope": {"name": "midwatch"}},
        {
            "scope": {"name": "sqlalchemy", "version": "2.0", "attributes": attributes},
            "schemaUrl": "https://opentelemetry.io/schemas/1.37.0",
        },
        {"scope": {"name": "bare"}},
    ]
    assert len(read_traces(encode_spans(spans, SERVICE)).resource_spans[0].scope_spans) == 3


def test_what_was_dropped_is_counted() -> None:
    """Of the span, of its events and of its links."""
    span = made()
    many = {f"k{number}": number for number in range(130)}
    for _ in range(130):
        span.add_link(made().get_span_context(), many)
        span.add_event("e", many)
    one = encoded(span)
    assert (one["droppedLinksCount"], one["droppedEventsCount"]) == (2, 2)
    assert {of["droppedAttributesCount"] for of in one["links"] + one["events"]} == {2}


@pytest.mark.parametrize("moment", [-1, 2**64, 1.5e9, "soon", math.nan, math.inf])
def test_a_time_that_is_none(moment: Any) -> None:
    """One that the protocol cannot say would cost its whole batch."""
    span = made()
    span.start_time = moment
    span.add_event("e", None, moment)
    span.end(5)
    told = encoded(span)
    assert told["startTimeUnixNano"] == told["events"][0]["timeUnixNano"] == ("1500000000" if moment == 1.5e9 else "0")
    assert told["endTimeUnixNano"] == "5"


def test_little_is_said_of_a_plain_span() -> None:
    """What is empty is left out."""
    required = {"traceId", "spanId", "flags", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes"}
    assert set(encoded(made())) == required


def test_a_link_to_a_trace_without_state() -> None:
    span = made()
    span.add_link(made().get_span_context())
    assert encoded(span)["links"] == [{"traceId": T, "spanId": P, "flags": 0x103, "attributes": []}]


def test_the_resource() -> None:
    """The service, by its attributes; all spans of a batch below it."""
    data = json.loads(encode_spans([made(), made()], SERVICE))
    (resource_spans,) = data["resourceSpans"]
    held = {a["key"]: a["value"]["stringValue"] for a in resource_spans["resource"]["attributes"]}
    assert held == {
        "service.name": "shop",
        "service.version": "1.2",
        "deployment.environment.name": "test",
        "host.name": "a",
        "telemetry.sdk.name": "midwatch",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": version("midwatch"),
    }
    assert len(resource_spans["scopeSpans"][0]["spans"]) == 2


class Colour(enum.StrEnum):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


class Text(str):
    __slots__ = ()


class Weight(float):
    pass


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("hostile")

    __repr__ = __str__


class HostileInt(int):
    def __str__(self) -> str:
        raise RuntimeError("hostile")

    __repr__ = __int__ = __lt__ = __le__ = __ge__ = __gt__ = __str__  # type: ignore[assignment]


class HostileFloat(float):
    def __float__(self) -> float:
        raise RuntimeError("hostile")

    __sub__ = __str__ = __repr__ = __eq__ = __float__  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


class HostileText(str):
    __slots__ = ()

    def isascii(self) -> bool:
        raise RuntimeError("hostile")

    __len__ = encode = __str__ = __getitem__ = isascii  # type: ignore[assignment]


class HostileList(list[int]):
    def __getitem__(self, item: Any) -> Any:
        raise RuntimeError("hostile")

    __iter__ = __len__ = __getitem__  # type: ignore[assignment]


class Liar:
    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise RuntimeError("hostile")


cycle: list[Any] = []
cycle.append(cycle)
deep: list[Any] = []
for _ in range(100_000):
    deep = [deep]

wide: Any = "x" * 1000
for _ in range(4):
    wide = [wide] * 128
"""A few lists that say a gigabyte."""

VALUES: list[tuple[Any, Any]] = [
    ("text", {"stringValue": "text"}),
    ("", {"stringValue": ""}),
    (True, {"boolValue": True}),
    (0, {"intValue": "0"}),
    (2**63 - 1, {"intValue": "9223372036854775807"}),
    (-(2**63), {"intValue": "-9223372036854775808"}),
    (2**63, {"stringValue": "9223372036854775808"}),
    (10**5000, None),
    (1.5, {"doubleValue": 1.5}),
    (-0.0, {"doubleValue": -0.0}),
    (math.nan, {"doubleValue": "NaN"}),
    (math.inf, {"doubleValue": "Infinity"}),
    (-math.inf, {"doubleValue": "-Infinity"}),
    (None, {}),
    ([None], {"arrayValue": {"values": [{}]}}),
    (["a", 1], {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}]}}),
    ((), {"arrayValue": {"values": []}}),
    (list(range(1000)), None),
    (cycle, None),
    (deep, None),
    ({"a": [1]}, {"kvlistValue": {"values": [{"key": "a", "value": {"arrayValue": {"values": [{"intValue": "1"}]}}}]}}),
    ({True: 1, None: "x"}, None),
    (wide, None),
    (b"bytes", {"bytesValue": "Ynl0ZXM="}),
    (Colour.RED, {"stringValue": "red"}),
    (Number.ONE, {"intValue": "1"}),
    (Text("text"), {"stringValue": "text"}),
    (Weight(1.5), {"doubleValue": 1.5}),
    ("\ud800", {"stringValue": "?"}),
    ("a\r\nb\0\x1b[0m\u2028", {"stringValue": "a\r\nb\0\x1b[0m\u2028"}),
    ("x" * 100_000, None),
    (Hostile(), {"stringValue": "<Hostile that raises RuntimeError>"}),
    (HostileInt(7), None),
    (HostileFloat(1.5), None),
    (HostileText("x"), None),
    (HostileList([1]), None),
    ([Hostile(), 1], None),
    (Liar(), None),
    (object, None),
]


@pytest.mark.parametrize("row", range(len(VALUES)))
def test_a_value_of_any_type(row: int) -> None:
    """One that the protocol cannot say is said as text; none breaks the batch that it is in."""
    value, expected = VALUES[row]
    found = value_of(value)
    assert expected is None or found == expected


def test_a_list_is_cut() -> None:
    assert len(value_of(list(range(1000)))["arrayValue"]["values"]) == 128


def test_few_lists_cannot_say_much() -> None:
    """They are cut to what one span may weigh."""
    assert 100_000 < len(json.dumps(value_of(wide))) < 1_000_000


def test_keys_are_kept_to_a_bound() -> None:
    """However many there are."""
    for number in range(20_000):
        assert attributes_of({f"k{number}": "v"}) == f'{{"key":"k{number}","value":{{"stringValue":"v"}}}}'
    assert len(values._keys) <= values.KEPT
    attributes_of({"k" * 1000: 1})
    assert "k" * 1000 not in values._keys


def test_a_mapping_that_is_none() -> None:
    """What it has told so far is told."""

    class Hostile(dict[str, int]):
        def items(self) -> Any:
            yield "a", 1
            raise RuntimeError("hostile")

    assert attributes_of(Hostile()) == '{"key":"a","value":{"intValue":"1"}}'


def test_a_key_without_a_hash() -> None:
    """Is a text like any other."""

    class Hostile(str):
        __slots__ = ()

        def __hash__(self) -> int:
            raise RuntimeError("hostile")

    class Pairs(dict[str, int]):
        def items(self) -> Any:
            return [("a", 1), (Hostile("b"), 2)]

    assert json.loads(f"[{attributes_of(Pairs())}]") == [
        {"key": "a", "value": {"intValue": "1"}},
        {"key": "b", "value": {"intValue": "2"}},
    ]


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text_is_a_json_string(text: str) -> None:
    """The same one, if UTF-8 can carry it."""
    said = values.quoted(text)
    assert said.isascii()
    assert said.isprintable()
    assert json.loads(said) == text.encode("utf-8", "replace").decode()


def test_the_official_encoder_says_the_same() -> None:
    """Of a span that has something of everything; but for W3C's flags and a link's state, which it leaves out."""
    common = pytest.importorskip("opentelemetry.exporter.otlp.json.common.trace_encoder")
    span = made("GET /", parent=P, kind=SpanKind.SERVER, state="rojo=1")
    for number, value in enumerate(("text", "\u00e9\u2028", True, 7, 1.5, -0.0, ["a", 1], b"bytes", 2**62)):
        span.set_attribute(f"k{number}", value)  # type: ignore[arg-type]  # bytes
    span.add_event("e", {"b": True}, 7)
    span.add_link(made().get_span_context(), {"c": "d"})
    span.set_status(StatusCode.ERROR, "why")
    span.resource = resource_of(SERVICE)
    span.end(span.start_time + 5)
    theirs, ours = (
        read_traces(text) for text in (common.encode_spans([span]).to_json(), encode_spans([span], SERVICE))
    )
    (said,) = ours.resource_spans[0].scope_spans[0].spans
    for flagged in (said, said.links[0]):
        assert flagged.flags & 0xFF == 3
        flagged.flags &= ~0xFF
    assert theirs == ours


@pytest.mark.parametrize("name", ["", "\ud800", "a\nb\u2028c", "x" * 100_000, Text("text"), None, Hostile()])
def test_any_name(name: Any) -> None:
    """Of spans, events and attributes."""
    span = made(name)
    span.add_event(name, {name if isinstance(name, str) else "k": name})
    span.set_status(StatusCode.ERROR, name)
    encoded(span)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
            lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
            max_leaves=8,
        ),
        max_size=5,
    ),
    st.text(),
)
def test_any_attributes_are_one_valid_line(attributes: dict[str, Any], name: str) -> None:
    span = made(name)
    span.set_attributes(attributes)
    span.add_event(name, attributes)
    assert len(encoded(span)["attributes"]) == len({k for k in attributes if k})


def test_the_protocols_own_reader_takes_it() -> None:
    """With a value of every type, and every field that a span of ours has."""
    span = made(parent=P, state="a=1")
    for number, (value, _) in enumerate(VALUES):
        span.attributes[f"k{number}"] = value
    span.end()

    (found,) = read_traces(encode_spans([span], SERVICE)).resource_spans[0].scope_spans[0].spans

    assert (found.trace_id.hex(), found.parent_span_id.hex(), found.trace_state) == (T, P, "a=1")
    assert {attribute.key for attribute in found.attributes} == {f"k{number}" for number in range(len(VALUES))}


def test_a_file_of_spans(door: Any, tmp_path: Path) -> None:
    """One line for each batch, readable by nobody else."""
    path = tmp_path / "spans.jsonl"
    app = door.watch(ScriptedApp(), Tracing(to=[f"file://{path}"], service=SERVICE))
    for number in range(20):
        door.call(app, path=f"/{number}")
    assert flush()
    lines = path.read_text().splitlines()
    spans = [span for line in lines for span in check_traces(line)]
    paths = [next(a["value"]["stringValue"] for a in s["attributes"] if a["key"] == "url.path") for s in spans]
    assert paths == [f"/{number}" for number in range(20)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_opened_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No such file or directory"):
        Tracing(to=[f"file://{tmp_path}/missing/spans.jsonl"])
