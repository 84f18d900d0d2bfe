"""`tracecontext` and `baggage` as formats; the rules of both are tested through requests too, next door."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from midwatch.tracing.baggage import BaggageValue
from midwatch.tracing.formats import FORMATS, Incoming, Outgoing
from midwatch.tracing.traceparent import RANDOM, SAMPLED, clean_tracestate

T = "0af7651916cd43dd8448eb211c80319c"
P = "b7ad6b7169203331"

TRACECONTEXT = FORMATS["tracecontext"]
BAGGAGE = FORMATS["baggage"]


def test_they_come_in_order() -> None:
    """What the settings may name, and what `OTEL_PROPAGATORS` may."""
    names = ["tracecontext", "baggage", "b3", "b3multi", "jaeger", "xray", "ottrace", "cloudtrace"]
    assert list(FORMATS) == names
    assert [one.name for one in FORMATS.values()] == names


@pytest.mark.parametrize("name", FORMATS)
def test_headers_are_named_in_lower_case(name: str) -> None:
    one = FORMATS[name]
    assert one.fields
    assert all(field == field.lower() for field in (*one.fields, *one.sends, one.prefix or ""))
    assert set(one.sends) <= set(one.fields)


@pytest.mark.parametrize(
    ("traceparent", "tracestate", "expected"),
    [
        (f"00-{T}-{P}-00", None, Incoming(T, P, sampled=False)),
        (f"00-{T}-{P}-01", None, Incoming(T, P, sampled=True)),
        (f"00-{T}-{P}-02", None, Incoming(T, P, sampled=False, random=RANDOM)),
        (f"00-{T}-{P}-03", None, Incoming(T, P, sampled=True, random=RANDOM)),
        (f"00-{T}-{P}-fc", None, Incoming(T, P, sampled=False)),
        (f"00-{T}-{P}-ff", None, Incoming(T, P, sampled=True, random=RANDOM)),
        (f"\t 00-{T}-{P}-01 ", None, Incoming(T, P, sampled=True)),
        (f"cc-{T}-{P}-01-more", None, Incoming(T, P, sampled=True)),
        (f"00-{T}-{P}-01", "a=1, b=2", Incoming(T, P, sampled=True, state="a=1,b=2")),
        (f"00-{T}-{P}-01", "A=1", Incoming(T, P, sampled=True)),
        (f"00-{T}-{P}-01", "", Incoming(T, P, sampled=True)),
        (f"00-{T}-{P}-01,00-{T}-{P}-01", "a=1", None),
        (f"00-{T}-{P}-01, 00-{T}-{P}-01", "a=1", None),
        (f"cc-{T}-{P}-01,cc-{T}-{P}-01", None, None),
        (f"00-{T.upper()}-{P}-01", "a=1", None),
        (f"00-{'0' * 32}-{P}-01", "a=1", None),
        (f"00-{T}-{'0' * 16}-01", "a=1", None),
        (f"00-{T}-{P}-01-more", "a=1", None),
        (f"ff-{T}-{P}-01", None, None),
        ("00-" + "a" * 1_000_000, None, None),
        ("", "a=1", None),
        (None, "a=1", None),
        (None, None, None),
    ],
)
def test_what_is_read(traceparent: str | None, tracestate: str | None, expected: Incoming | None) -> None:
    assert TRACECONTEXT.extract([traceparent, tracestate]) == expected


@pytest.mark.parametrize(
    ("flags", "digits"),
    [(0, "00"), (SAMPLED, "01"), (RANDOM, "02"), (SAMPLED | RANDOM, "03"), (0xFF, "03"), (0x10, "00")],
)
def test_what_is_written(flags: int, digits: str) -> None:
    """Only flags that this level knows, and no empty state."""
    assert dict(TRACECONTEXT.inject(Outgoing(T, P, flags))) == {"traceparent": f"00-{T}-{P}-{digits}"}
    assert dict(TRACECONTEXT.inject(Outgoing(T, P, flags, "a=1", debug=True))) == {
        "traceparent": f"00-{T}-{P}-{digits}",
        "tracestate": "a=1",
    }


def an_id(width: int) -> st.SearchStrategy[str]:
    return st.text("0123456789abcdef", min_size=width, max_size=width).filter(lambda digits: digits.strip("0"))


@given(an_id(32), an_id(16), st.integers(0, 3), st.lists(st.sampled_from(["a=1", "b= 2", "t@v=x"]), unique=True))
def test_round_trip(trace_id: str, span_id: str, flags: int, members: list[str]) -> None:
    state = ",".join(members)
    sent = dict(TRACECONTEXT.inject(Outgoing(trace_id, span_id, flags, state)))
    expected = Incoming(trace_id, span_id, bool(flags & SAMPLED), flags & RANDOM, state)
    assert TRACECONTEXT.extract([sent["traceparent"], sent.get("tracestate")]) == expected


@given(st.text(max_size=120) | st.text("0123456789abcdef-, ", max_size=120), st.text(max_size=600))
@example(f"00-{T}-{P}-01\n", "a=1")
def test_anything_can_be_read(traceparent: str, tracestate: str) -> None:
    found = TRACECONTEXT.extract([traceparent, tracestate])
    assert found is None or (
        found.trace_id == traceparent.strip(" \t")[3:35] and found.state == clean_tracestate(tracestate)
    )


def test_baggage_alone_says_nothing_of_a_trace() -> None:
    assert BAGGAGE.extract(["a=1"]) is None
    assert not [*BAGGAGE.inject(Outgoing(T, P, 1))]
    assert TRACECONTEXT.extract_baggage([f"00-{T}-{P}-01", "a=1"], {}) == {}
    assert not [*TRACECONTEXT.inject_baggage({"a": "1"})]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, {}),
        ("", {}),
        ("a=1,b=%20x;ttl=60", {"a": "1", "b": " x"}),
        ("a=1, a=2", {"a": "2"}),
        ("a b=1,c=2", {"c": "2"}),
    ],
)
def test_baggage_is_read(header: str | None, expected: dict[str, str]) -> None:
    assert BAGGAGE.extract_baggage([header], {}) == expected


def test_baggage_is_written() -> None:
    """With the properties that came with it; without any there is no header."""
    assert not [*BAGGAGE.inject_baggage({})]
    assert not [*BAGGAGE.inject_baggage({"not a token": "x"})]
    taken = BAGGAGE.extract_baggage(["a=1;ttl=60"], {})
    assert isinstance(taken["a"], BaggageValue)
    assert dict(BAGGAGE.inject_baggage({**taken, "b": 2})) == {"baggage": "a=1;ttl=60,b=2"}
