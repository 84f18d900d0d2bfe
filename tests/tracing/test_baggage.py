"""`baggage`, by W3C Baggage and what OpenTelemetry's own interface sees of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import baggage
from opentelemetry.context import attach, detach

from midwatch import Tracing, inject
from midwatch.testing import ScriptedApp
from midwatch.tracing.baggage import format_baggage, parse_baggage

PARSED = [
    # header lines, members as OpenTelemetry shows them, header as it is sent on (None: as it came)
    (["k=v"], {"k": "v"}, None),
    (["a=1,b=2"], {"a": "1", "b": "2"}, None),
    (["a=1", "b=2"], {"a": "1", "b": "2"}, "a=1,b=2"),
    ([" k\t=\tv "], {"k": "v"}, "k=v"),
    (["k=v ; p ; q = 1 ;r=2"], {"k": "v"}, "k=v;p;q = 1;r=2"),
    (["k=v;ttl=60,l=w"], {"k": "v", "l": "w"}, None),
    (["k=a+b"], {"k": "a+b"}, None),
    (["k=a%20b"], {"k": "a b"}, None),
    (["k=a%2Bb"], {"k": "a+b"}, "k=a+b"),
    (["k=a=b=="], {"k": "a=b=="}, None),
    (["k="], {"k": ""}, None),
    (["k=%E4%BD%A0%C3%A9"], {"k": "你é"}, None),
    (["k=%FFx%C3"], {"k": "\ufffdx\ufffd"}, "k=%EF%BF%BDx%EF%BF%BD"),
    (["k=%41"], {"k": "A"}, "k=A"),
    (["k=%4,l=%zz"], {"k": "%4", "l": "%zz"}, "k=%254,l=%25zz"),
    (["k=%2C%3B%22%5C%25"], {"k": ',;"\\%'}, None),
    (["k%20=v"], {"k%20": "v"}, None),
    (["!#$%&'*+-.^_`|~0Az=v"], {"!#$%&'*+-.^_`|~0Az": "v"}, None),
    (["k=!#$&'()*+-./:<=>?@[]^_`{|}~"], {"k": "!#$&'()*+-./:<=>?@[]^_`{|}~"}, None),
    (["a=1,a=2,b=3"], {"a": "2", "b": "3"}, "a=2,b=3"),
    (["a=1;p,a=2"], {"a": "2"}, "a=2"),
    (["K=1,k=2"], {"K": "1", "k": "2"}, None),
    # malformed members are left out, the others stay
    (["", "a=1"], {"a": "1"}, "a=1"),
    (["a=1,,b=2, ,"], {"a": "1", "b": "2"}, "a=1,b=2"),
    (["novalue,a=1"], {"a": "1"}, "a=1"),
    (["=1,a=1"], {"a": "1"}, "a=1"),
    (["k k=1,a=1"], {"a": "1"}, "a=1"),
    (["k=a b,a=1"], {"a": "1"}, "a=1"),
    (['k="quoted",a=1'], {"a": "1"}, "a=1"),
    (["k=back\\slash,a=1"], {"a": "1"}, "a=1"),
    (["k=\xe9,\xe9=k,a=1"], {"a": "1"}, "a=1"),
    (["k=v;a b,a=1"], {"a": "1"}, "a=1"),
    (["k=v;=1,a=1"], {"a": "1"}, "a=1"),
    (["k=v;,a=1"], {"a": "1"}, "a=1"),
    (["k=v;p=\xe9,a=1"], {"a": "1"}, "a=1"),
    (["k=v;p= x y,a=1"], {"a": "1"}, "a=1"),
    ([""], {}, ""),
    ([",;=,"], {}, ""),
]


@pytest.mark.parametrize("row", PARSED, ids=range(len(PARSED)))
def test_baggage_is_taken_in_and_sent_on(door: Any, row: tuple[list[str], dict[str, str], str | None]) -> None:
    """A handler sees it by OpenTelemetry's own interface, its calls carry it with its properties."""
    lines, expected, sent_on = row
    seen: dict[str, object] = {}
    sent: dict[str, str] = {}

    def handler() -> None:
        seen.update(baggage.get_all())
        assert all(baggage.get_baggage(key) == value for key, value in seen.items())
        inject(sent)

    app = door.watch(ScriptedApp(before=handler), Tracing())
    headers = [("host", "testserver"), ("traceparent", "garbage"), *(("baggage", line) for line in lines)]
    assert door.call(app, headers=headers).status == 200
    assert seen == expected
    assert list(seen) == list(expected)
    assert sent.get("baggage", "") == (lines[0] if sent_on is None else sent_on)
    assert not baggage.get_all()


def test_a_request_without_baggage_has_none(trace: Callable[..., Any]) -> None:
    assert "baggage" not in trace().sent


def test_what_a_handler_adds_is_sent_on(door: Any) -> None:
    """Properties of what came in stay, and a value that is replaced has none."""
    sent: dict[str, str] = {}

    def handler() -> None:
        context = baggage.set_baggage("mine", 7, baggage.set_baggage("second", "ä"))
        token = attach(context)
        inject(sent)
        detach(token)

    app = door.watch(ScriptedApp(before=handler), Tracing())
    door.call(app, headers=[("host", "testserver"), ("baggage", "first=1;ttl=60,second=2;ttl=60")])
    assert sent["baggage"] == "first=1;ttl=60,second=%C3%A4,mine=7"


def member_of(size: int, key: str = "k") -> str:
    return f"{key}={'v' * (size - len(key) - 1)}"


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (",".join(f"k{n}=v" for n in range(64)), 64),
        (",".join(f"k{n}=v" for n in range(65)), 64),
        ("bad," * 64 + "k=v", 0),
        ("bad," * 63 + "k=v", 1),
        (member_of(8192), 1),
        (member_of(8193), 0),
        (f"{member_of(4000, 'a')},{member_of(4191, 'b')}", 2),
        (f"{member_of(4000, 'a')},{member_of(4192, 'b')}", 1),
        (f"{member_of(4000, 'a')},{member_of(4191, 'b')},c=1", 2),
        (f"a=1,{member_of(65_536, 'b')}", 1),
        ("," * 65_536, 0),
        ("k=v;" + "p;" * 32_768, 0),
        ("k=v;" + "p=" * 32_768, 0),
        ("k=" + "%" * 65_536, 0),
        ("=" * 65_536, 0),
        (";" * 65_536, 0),
        ("\t" * 65_536, 0),
        ("k" * 65_536, 0),
        ("a=1," * 16_384, 1),
    ],
    ids=range(19),
)
def test_a_header_of_any_size_ends_early(trace: Callable[..., Any], header: str, kept: int) -> None:
    """64 members or 8192 bytes: what exceeds them is dropped, whole members only."""
    seen = trace(("baggage", header))
    sent = seen.sent.get("baggage", "")
    assert len([member for member in sent.split(",") if member]) == kept
    assert set(sent.split(",")) <= {*header.split(","), ""}


def test_what_is_sent_is_bounded_too() -> None:
    """64 members and 8192 bytes; a member that is too large is left out, and those behind it are not."""
    assert format_baggage({f"k{n}": "v" for n in range(65)}).count(",") == 63
    assert format_baggage({"a": "x" * 8190}) == "a=" + "x" * 8190
    assert format_baggage({"a": "x" * 8191, "b": "1"}) == "b=1"
    assert format_baggage({"a": "x" * 8000, "b": "y" * 200, "c": "1"}) == "a=" + "x" * 8000 + ",c=1"
    assert format_baggage({"not a token": "1", "b": "2"}) == "b=2"


def test_what_cannot_be_sent_stays_at_home() -> None:
    """A key of any type, a value that has no text: applications may put anything there, and their calls go on."""

    class Mute:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    entries: dict[Any, object] = {5: "x", None: "y", "mute": Mute(), "k": "v"}
    assert format_baggage(entries) == "k=v"


@pytest.mark.parametrize("value", ["\ud800", None, 1.5, b"bytes", ["list"], "\r\nx: y", "\0"])
def test_no_value_breaks_a_call(value: Any) -> None:
    """Whatever the application put there, the header is one that can be sent."""
    text = format_baggage({"k": value})
    assert text.startswith("k=")
    assert text.isascii()
    assert text.isprintable()
    assert " " not in text


token = st.text("!#$%&'*+-.^_`|~0123456789azAZ", min_size=1, max_size=10)


@given(st.dictionaries(token, st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=20))
def test_round_trip(members: dict[str, str]) -> None:
    """What is sent comes back as it was."""
    assert dict(parse_baggage(format_baggage(members))) == members


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(max_codepoint=255)) | st.text('ab=;,% \t"\\', max_size=300))
def test_any_header_is_read(header: str) -> None:
    """And what was read is sent on to one that reads the same."""
    read = parse_baggage(header)
    assert dict(parse_baggage(format_baggage(read))) == dict(read)
