"""Spans as OTLP JSON, checked field by field against the protocol's own rules for its JSON form."""

from __future__ import annotations

import base64
import enum
import importlib
import importlib.util
import json
import math
import re
import stat
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
from midwatch.tracing.otlp import encode_spans

T = "0af7651916cd43dd8448eb211c80319c"
P = "b7ad6b7169203331"
SERVICE = Service("shop", "1.2", "test", (("host.name", "a"),))

# A strict reader: every key is known, every value of its type. https://opentelemetry.io/docs/specs/otlp/

MAX_UINT32 = 2**32 - 1


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
            only(scope_spans, {"scope", "spans"})
            only(scope_spans["scope"], {"name"})
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
        | {"parentSpanId", "traceState", "events", "links", "status", "droppedAttributesCount", "droppedEventsCount"},
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
        only(event, {"name", "timeUnixNano", "attributes"})
        assert type(event["name"]) is str
        check_uint64(event["timeUnixNano"])
        check_attributes(event["attributes"])
    for link in span.get("links", []):
        only(link, {"traceId", "spanId", "traceState", "flags", "attributes"})
        assert re.fullmatch("(?!0{32})[0-9a-f]{32}", link["traceId"])
        assert re.fullmatch("(?!0{16})[0-9a-f]{16}", link["spanId"])
        check_attributes(link["attributes"])
    status = span.get("status", {})
    only(status, {"code", "message"})
    assert status.get("code", 0) in {0, 1, 2}
    assert type(status.get("message", "")) is str
    for count in ("droppedAttributesCount", "droppedEventsCount"):
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
            assert type(held) in {int, float}
            assert math.isfinite(held)
        case "bytesValue":
            base64.b64decode(held, validate=True)
        case "arrayValue":
            only(held, {"values"})
            for item in held["values"]:
                check_value(item, depth + 1)
        case _:
            raise AssertionError(kind)


def made(name: Any = "work", *, parent: str | None = None, kind: SpanKind = SpanKind.INTERNAL, state: str = "") -> Span:
    return Span(name, kind, T, P, parent, 3, state, 1_700_000_000_000_000_000, lambda span: None)


def encoded(span: Span) -> dict[str, Any]:
    if span.is_recording():
        span.end(span.start_time + 5)
    (one,) = check_traces(encode_spans([span], SERVICE))
    return one


def value_of(value: Any) -> Any:
    span = made()
    span.set_attribute("k", value)
    return encoded(span)["attributes"][0]["value"]


def test_a_whole_span() -> None:
    """Everything that a span can hold."""
    span = made("GET /", parent="00f067aa0ba902b7", kind=SpanKind.SERVER, state="rojo=1")
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
                "attributes": [{"key": "c", "value": {"stringValue": "d"}}],
            }
        ],
        "status": {"code": 2, "message": "why"},
        "droppedAttributesCount": 73,
        "droppedEventsCount": 73,
    }


@pytest.mark.parametrize(
    ("kind", "parent", "flags"),
    [
        (SpanKind.SERVER, None, 0x103),
        (SpanKind.SERVER, P, 0x303),
        (SpanKind.CLIENT, P, 0x103),
        (SpanKind.CLIENT, None, 0x103),
    ],
)
def test_whether_the_parent_is_remote(kind: SpanKind, parent: str | None, flags: int) -> None:
    """The parent of a server span is in another process."""
    assert encoded(made(kind=kind, parent=parent))["flags"] == flags


def test_little_is_said_of_a_plain_span() -> None:
    """What is empty is left out."""
    required = {"traceId", "spanId", "flags", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes"}
    assert set(encoded(made())) == required


def test_a_link_to_a_trace_without_state() -> None:
    span = made()
    span.add_link(made().get_span_context())
    assert encoded(span)["links"] == [{"traceId": T, "spanId": P, "attributes": []}]


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
    (math.nan, {"stringValue": "nan"}),
    (math.inf, {"stringValue": "inf"}),
    (-math.inf, {"stringValue": "-inf"}),
    (None, {"stringValue": "None"}),
    (["a", 1], {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}]}}),
    ((), {"arrayValue": {"values": []}}),
    (list(range(1000)), None),
    (cycle, None),
    (deep, None),
    ({"a": 1}, {"stringValue": "{'a': 1}"}),
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


@pytest.mark.skipif(
    importlib.util.find_spec("opentelemetry.proto") is None,
    reason="opentelemetry-proto is not installed: the protocol's own reader cannot be asked",
)
def test_the_protocols_own_reader_takes_it() -> None:
    """Ids are hexadecimal in this form and base64 in protobuf's, which is the one difference."""
    json_format = importlib.import_module("google.protobuf.json_format")
    protocol = importlib.import_module("opentelemetry.proto.trace.v1.trace_pb2")

    span = made(parent=P, state="a=1")
    for number, (value, _) in enumerate(VALUES):
        span.set_attribute(f"k{number}", value)
    span.end()
    line = re.sub(
        '"((?:trace|span|parentSpan)Id)":"([0-9a-f]+)"',
        lambda m: f'"{m[1]}":"{base64.b64encode(bytes.fromhex(m[2])).decode()}"',
        encode_spans([span], SERVICE),
    )
    json_format.Parse(line, protocol.TracesData())


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
