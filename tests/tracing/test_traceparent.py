"""`traceparent` and `tracestate`, by the rules of W3C Trace Context level 2 and the vectors of its own test suite."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from midwatch.tracing.traceparent import clean_tracestate, is_traceparent, new_span_id, new_trace_id

T = "0af7651916cd43dd8448eb211c80319c"
P = "b7ad6b7169203331"

many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)

CONTINUED = [
    # header, flags as they are kept
    (f"00-{T}-{P}-00", "00"),
    (f"00-{T}-{P}-01", "01"),
    (f"00-{T}-{P}-02", "02"),
    (f"00-{T}-{P}-03", "03"),
    (f"00-{T}-{P}-ff", "03"),
    (f"00-{T}-{P}-fc", "00"),
    (f"00-{T}-{P}-09", "01"),
    (f" 00-{T}-{P}-01", "01"),
    (f"\t00-{T}-{P}-01", "01"),
    (f"00-{T}-{P}-01 ", "01"),
    (f"00-{T}-{P}-01\t", "01"),
    (f"\t 00-{T}-{P}-01 \t", "01"),
    (f"01-{T}-{P}-01", "01"),
    (f"cc-{T}-{P}-01", "01"),
    (f"fe-{T}-{P}-02", "02"),
    (f"cc-{T}-{P}-01-", "01"),
    (f"cc-{T}-{P}-01-what-the-future-will-be-like", "01"),
    (f"cc-{T}-{P}-01-" + "x" * 8000, "01"),
    (f"cc-{T}-{P}-01-\xe9", "01"),
    (f"00-{'0' * 31}1-{'0' * 15}1-01", "01"),
]

RESTARTED = [
    "",
    " ",
    "00",
    f"00-{T}-{P}",
    f"00-{T}-{P}-",
    f"00-{T}-{P}-1",
    f"00-{T}-{P}-001",
    f"00-{T}-{P}-.0",
    f"00-{T}-{P}-0.",
    f"00-{T}-{P}-0g",
    f"00-{T}-{P}-0A",
    f"00-{T}-{P}-01.",
    f"00-{T}-{P}-01-",
    f"00-{T}-{P}-01-what-the-future-will-be-like",
    f"cc-{T}-{P}-01.what-the-future-will-be-like",
    f"cc-{T}-{P}-011",
    f"cc-{T}-{P}-0",
    f"ff-{T}-{P}-01",
    f"ff-{T}-{P}-01-more",
    f"FE-{T}-{P}-01",
    f".0-{T}-{P}-01",
    f"0.-{T}-{P}-01",
    f"0-{T}-{P}-01",
    f"000-{T}-{P}-01",
    f"0000-{T}-{P}-01",
    f"00-{'0' * 32}-{P}-01",
    f"00-{T}-{'0' * 16}-01",
    f"cc-{'0' * 32}-{P}-01",
    f"cc-{T}-{'0' * 16}-01",
    f"00-{T.upper()}-{P}-01",
    f"00-{T}-{P.upper()}-01",
    f"00-.{T[1:]}-{P}-01",
    f"00-{T[:-1]}.-{P}-01",
    f"00-{T}0-{P}-01",
    f"00-{T[1:]}-{P}-01",
    f"00-{T}-.{P[1:]}-01",
    f"00-{T}-{P}0-01",
    f"00-{T}-{P[1:]}-01",
    f"00_{T}_{P}_01",
    f"00-{T}{P}-01",
    f"00--{T}-{P}-01",
    f"\x0b00-{T}-{P}-01",
    f"00-{T}-{P}-01\xa0",
    f"\xa000-{T}-{P}-01",
    f"00-{T[:-1]}\xe9-{P}-01",
    f"00-{T}-{P}-\xb2\xb3",
    f"00-{T}-{P}-01;",
    f"00-{T}-{P}-01,",
    f'"00-{T}-{P}-01"',
    f"00-{T}-{P}-01\x00",
    "00-" + "a" * 65_536,
    "-" * 65_536,
]


@pytest.mark.parametrize(("header", "flags"), CONTINUED)
def test_a_valid_traceparent_is_continued(trace: Callable[..., Any], header: str, flags: str) -> None:
    """The trace goes on below a new span id, with the flags that this level knows, as version 00."""
    seen = trace(("traceparent", header), ("tracestate", "rojo=00f067aa0ba902b7"), to=[[].append])
    kind = header.strip(" \t")
    assert (seen.exchange.trace_id, seen.span.parent_id) == (kind[3:35], kind[36:52])
    assert seen.span.is_recording() is False
    assert seen.exchange.trace_flags == int(flags, 16)
    assert seen.exchange.span_id != seen.span.parent_id
    assert seen.sent == {
        "traceparent": f"00-{kind[3:35]}-{seen.exchange.span_id}-{flags}",
        "tracestate": "rojo=00f067aa0ba902b7",
    }


@pytest.mark.parametrize("header", RESTARTED, ids=range(len(RESTARTED)))
def test_an_invalid_traceparent_is_restarted(trace: Callable[..., Any], header: str) -> None:
    """A new trace id, sampled and random, without parent, and without the state of a trace that is not ours."""
    seen = trace(("traceparent", header), ("tracestate", "rojo=00f067aa0ba902b7"))
    restarted(seen)


def restarted(seen: Any) -> None:
    assert re.fullmatch("[0-9a-f]{32}", seen.exchange.trace_id)
    assert seen.exchange.trace_id not in {T, "0" * 32}
    assert seen.span.parent_id is None
    assert seen.span.trace_state == ""
    assert seen.sent == {"traceparent": f"00-{seen.exchange.trace_id}-{seen.exchange.span_id}-03"}


def test_no_traceparent_starts_a_trace(trace: Callable[..., Any]) -> None:
    """State without a trace is dropped."""
    restarted(trace(("tracestate", "rojo=1")))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (f"00-{T}-{P}-01", f"00-{T}-{P}-01"),
        (f"00-{T}-{P}-01", f"00-{T[::-1]}-{P}-01"),
        (f"cc-{T}-{P}-01", f"cc-{T[::-1]}-{P}-01"),
        (f"cc-{T}-{P}-01-later", f"00-{T[::-1]}-{P}-01"),
        (f"00-{T}-{P}-01", ""),
        ("", f"00-{T}-{P}-01"),
    ],
)
def test_two_traceparents_are_none(trace: Callable[..., Any], first: str, second: str) -> None:
    """Nobody can say which of them is right."""
    restarted(trace(("traceparent", first), ("traceparent", second), ("tracestate", "rojo=1")))


@pytest.mark.parametrize("name", ["trace-parent", "trace.parent", "traceparent2"])
def test_other_names_are_other_headers(trace: Callable[..., Any], name: str) -> None:
    restarted(trace((name, f"00-{T}-{P}-01")))


@pytest.mark.parametrize("name", ["TraceParent", "TrAcEpArEnT", "TRACEPARENT"])
def test_the_name_has_no_case(trace: Callable[..., Any], name: str) -> None:
    assert trace((name, f"00-{T}-{P}-01")).continued


@many
@given(
    header=st.text(st.characters(max_codepoint=255), max_size=100)
    | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}.*", fullmatch=True).filter(
        lambda h: all(ord(c) < 256 for c in h)
    )
)
@example(header=f"00-{T}-{P}-01\n")
def test_any_traceparent_is_served(trace: Callable[..., Any], header: str) -> None:
    """Whatever it holds, what is sent on is a valid one: the same trace, or a new one."""
    seen = trace(("traceparent", header), ("tracestate", "rojo=1"))
    sent = seen.sent["traceparent"]
    assert is_traceparent(sent)
    assert len(sent) == 55
    assert sent.startswith("00-")
    if seen.span.parent_id is None:
        restarted(seen)
    else:
        assert header.strip(" \t")[3:52] == f"{seen.exchange.trace_id}-{seen.span.parent_id}"


# tracestate


def members(count: int, start: int = 1) -> str:
    return ",".join(f"bar{n:02}={n:02}" for n in range(start, start + count))


LONG = "l" * 100 + "=" + "v" * 28
"""129 characters: one more than a member may have without being the first to go."""
FITS = "s" * 100 + "=" + "v" * 27

CLEANED = [
    # header lines, what is sent on
    (["foo=1"], "foo=1"),
    (["foo=1,bar=2"], "foo=1,bar=2"),
    (["foo=1", "bar=2"], "foo=1,bar=2"),
    (["foo=1,bar=2", "rojo=1,congo=2", "baz=3"], "foo=1,bar=2,rojo=1,congo=2,baz=3"),
    ([""], ""),
    (["foo=1", ""], "foo=1"),
    (["", "foo=1"], "foo=1"),
    (["foo=1, ,\t,,bar=2,"], "foo=1,bar=2"),
    (["foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3"),
    (["foo=1\t \t,\t \tbar=2,\t \tbaz=3"], "foo=1,bar=2,baz=3"),
    (["\t foo=1 \t"], "foo=1"),
    (["foo= 1"], "foo= 1"),
    (["foo=a b"], "foo=a b"),
    (["foo=" + "".join(map(chr, (*range(0x20, 0x2C), *range(0x2D, 0x3D), *range(0x3E, 0x7F))))],) * 2,
    (["abcdefghijklmnopqrstuvwxyz0123456789_-*/=1"],) * 2,
    (["t@v=1"],) * 2,
    (["1tenant@system=x"],) * 2,
    (["z" * 256 + "=1"],) * 2,
    (["t" * 241 + "@" + "v" * 14 + "=1"],) * 2,
    (["foo=" + "v" * 256],) * 2,
    # not worth anything: one member that is malformed, or a key that comes twice
    (["z" * 257 + "=1"], ""),
    (["foo=" + "v" * 257], ""),
    (["foo=1,foo=1"], ""),
    (["foo=1,foo=2"], ""),
    (["foo=1", "foo=1"], ""),
    (["foo=1", "bar=2", "foo=2"], ""),
    (["foo =1"], ""),
    (["FOO=1"], ""),
    (["foo.bar=1"], ""),
    (["@foo=1,bar=2"], ""),
    (["_foo=1"], ""),
    (["foo@=1,bar"], ""),
    (["foo=bar=baz"], ""),
    (["foo=,bar=3"], ""),
    (["=1"], ""),
    (["foo"], ""),
    (["foo=1;bar=2,b\xe9=1"], ""),
    (["foo=\xe9"], ""),
    (["foo=\x7f"], ""),
    (["foo=1\x00"], ""),
    # as many as there may be, and one more
    ([members(10), members(10, 11), members(10, 21), members(2, 31)], members(32)),
    ([members(10), members(10, 11), members(10, 21), members(3, 31)], ""),
    ([members(33)], ""),
    ([members(32) + "," * 90], members(32)),
    # 512 characters: long members go first, then those on the right
    ([f"a=1,{LONG},b=2"], f"a=1,{LONG},b=2"),
    ([f"a=1,{LONG},x={'x' * 250},y={'y' * 120},b=2"], f"a=1,x={'x' * 250},y={'y' * 120},b=2"),
    ([f"x={'x' * 256},y={'y' * 256},w={'w' * 256},b=2"], f"w={'w' * 256},b=2"),
    ([f"x={'x' * 250},y={'y' * 250},z={'z' * 4}"], f"x={'x' * 250},y={'y' * 250},z={'z' * 4}"),
    ([f"x={'x' * 250},y={'y' * 250},z={'z' * 5}"], f"y={'y' * 250},z={'z' * 5}"),
    ([",".join(f"k{n}={'v' * 120}" for n in range(5))], ",".join(f"k{n}={'v' * 120}" for n in range(4))),
    (
        [f"a={'a' * 120},b={'b' * 120},c={'c' * 120},{FITS},d=1"],
        f"a={'a' * 120},b={'b' * 120},c={'c' * 120},{FITS},d=1",
    ),
    (["x=" + "v" * 65_000], ""),
    (["," * 65_536], ""),
    ([",".join(f"k{n}=v" for n in range(9000))], ""),
]


@pytest.mark.parametrize("row", CLEANED, ids=range(len(CLEANED)))
def test_tracestate(trace: Callable[..., Any], row: tuple[list[str], Any]) -> None:
    """Its members are sent on in their order and unchanged; never does it affect the trace."""
    lines, expected = row
    seen = trace(("traceparent", f"00-{T}-{P}-01"), *(("tracestate", line) for line in lines))
    assert seen.continued
    assert seen.sent.get("tracestate", "") == (expected if isinstance(expected, str) else expected[0])


@pytest.mark.parametrize("name", ["trace-state", "trace.state"])
def test_other_names_carry_no_state(trace: Callable[..., Any], name: str) -> None:
    assert "tracestate" not in trace(("traceparent", f"00-{T}-{P}-01"), (name, "foo=1")).sent


member = st.from_regex(r"[a-z0-9][a-z0-9_\-*/@]{0,30}=[ !-+\--<>-~]{0,200}[!-+\--<>-~]", fullmatch=True)


@given(st.lists(member, max_size=40))
def test_what_is_kept_of_a_tracestate_is_whole(given_members: list[str]) -> None:
    """At most 32 members and 512 characters, each as it came, in the order in which they came."""
    kept = clean_tracestate(",".join(given_members))
    assert len(kept) <= 512
    listed = kept.split(",") if kept else []
    assert len(listed) <= 32
    order = iter(given_members)
    assert all(one in order for one in listed)
    whole = ",".join(given_members)
    if (
        len(given_members) <= 32
        and len(whole) <= 512
        and len({m.partition("=")[0] for m in given_members}) == len(given_members)
    ):
        assert kept == whole


@given(st.text(max_size=600))
def test_no_tracestate_raises(text: str) -> None:
    """Cleaning what has been cleaned changes nothing."""
    kept = clean_tracestate(text)
    assert clean_tracestate(kept) == kept


# ids


def test_ids_are_of_their_kind() -> None:
    """Random, lower-case hexadecimal, never twice."""
    ids = [new_span_id() for _ in range(2000)]
    assert len(set(ids)) == 2000
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in ids)
    assert re.fullmatch("[0-9a-f]{32}", new_trace_id())


def test_threads_share_no_id() -> None:
    """Ids are made by the hundred, and no two threads are handed the same."""
    made: list[list[str]] = [[] for _ in range(8)]
    start = threading.Barrier(8)

    def make(mine: list[str]) -> None:
        start.wait()
        mine.extend(new_span_id() for _ in range(5000))

    threads = [threading.Thread(target=make, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one for mine in made for one in mine}) == 40_000


def test_an_id_is_never_all_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zero means "no id"; randomness may give it all the same."""
    draws = iter([bytes(8 * 256), bytes(8 * 255) + bytes(range(1, 9))])
    monkeypatch.setattr("midwatch.tracing.traceparent.os.urandom", lambda count: next(draws))
    monkeypatch.setattr("midwatch.tracing.traceparent._ids", iter(()))
    assert new_span_id() == "0102030405060708"


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_makes_ids_of_its_own() -> None:
    """The ids that the parent has in stock are the parent's."""
    new_span_id()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, "".join(new_span_id() for _ in range(100)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    theirs = {text[start : start + 16] for start in range(0, len(text), 16)}
    assert len(theirs) == 100
    assert theirs.isdisjoint(new_span_id() for _ in range(256))
