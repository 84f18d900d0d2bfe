"""Which traces are kept: thresholds, routes, limits, and what callers and services behind are told."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import threading
from typing import Any

import flask
import pytest
from fastapi import FastAPI
from hypothesis import example, given
from hypothesis import strategies as st

from midwatch import inject, install
from midwatch.routes import route_pattern
from midwatch.testing import ScriptedApp, call_asgi, call_wsgi
from midwatch.tracing import Sampler, Tracing
from midwatch.tracing.export import finished_spans
from midwatch.tracing.sampling import ALL, threshold, with_threshold
from midwatch.tracing.traceparent import clean_tracestate

CALLER = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"

ratios = st.floats(0, 1)
trace_ids = st.integers(1, 2**128 - 1).map(lambda number: f"{number:032x}")


def keeps(ratio: float, trace_id: str, state: str = "") -> bool:
    return Sampler(ratio=ratio).decide(trace_id, state)[0]


# Thresholds


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (1, "0"),
        (0.5, "8"),
        (0.25, "c"),
        (0.75, "4"),
        (1 / 3, "aaaa"),
        (0.1, "e666"),
        (0.01, "fd70a"),
        (0.001, "ffbe76"),
        (2**-20, "fffff"),
        (1e-6, "ffffef39"),
        (2**-56, "f" * 14),
        (1 - 2**-53, "0"),
        (2**-58, None),
        (5e-324, None),
        (0, None),
    ],
)
def test_the_threshold_of_a_ratio(ratio: float, text: str | None) -> None:
    """As in the specification's own table; four digits behind the leading ones that say nothing."""
    assert threshold(ratio).text == text


@given(ratios)
@example(0.0)
@example(1.0)
@example(2**-56)
def test_what_is_told_is_what_is_done(ratio: float) -> None:
    """`th` names the very threshold, in as few digits as there may be, and close to the ratio that was asked for."""
    least, text = threshold(ratio)
    if text is None:
        assert least == ALL
        assert ratio < 2**-56
        return
    assert re.fullmatch("0|[0-9a-f]{0,13}[1-9a-f]", text)
    assert int(text.ljust(14, "0"), 16) == least
    assert (ALL - least) / ALL == pytest.approx(ratio, rel=2**-11, abs=2**-56)


@pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan"), float("inf"), -5e-324])
def test_what_is_no_ratio(ratio: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        Sampler(ratio=ratio)
    with pytest.raises(ValueError, match="from 0 to 1"):
        Sampler(routes={"/": ratio})


@given(trace_ids, ratios, ratios)
@example("f" * 32, 0.0, 2**-56)
@example("1" + "0" * 31, 0.999999, 1.0)
def test_a_higher_ratio_keeps_what_a_lower_one_keeps(trace_id: str, one: float, other: float) -> None:
    """So services with different ratios have whole traces in common."""
    low, high = sorted((one, other))
    assert keeps(high, trace_id) >= keeps(low, trace_id)
    assert threshold(high).least <= threshold(low).least


@given(trace_ids, ratios)
def test_every_service_decides_alike(trace_id: str, ratio: float) -> None:
    """By the trace alone, whatever else was asked before, and whatever is in front of its last 56 bits."""
    sampler = Sampler(ratio=ratio)
    sampler.decide("f" * 32, "")
    assert sampler.decide(trace_id, "")[0] == keeps(ratio, trace_id) == keeps(ratio, "0" * 18 + trace_id[18:])


@pytest.mark.parametrize("ratio", [0.001, 0.01, 0.1, 1 / 3, 0.5, 0.9])
def test_the_share_is_right(ratio: float) -> None:
    """Within five standard deviations; the trace ids are always the same ones."""
    source, number = random.Random(7), 50_000
    sampler = Sampler(ratio=ratio)
    kept = sum(sampler.decide(f"{source.getrandbits(128):032x}", "")[0] for _ in range(number))
    assert abs(kept - number * ratio) < 5 * (number * ratio * (1 - ratio)) ** 0.5


def test_the_ends_are_exact() -> None:
    """0 keeps nothing, not even the highest trace id; 1 keeps everything, even the lowest."""
    assert not keeps(0, "f" * 32)
    assert keeps(1, "1" + "0" * 31)


def test_without_a_ratio_nothing_is_claimed() -> None:
    """All are kept, and of what share they are is nobody's business."""
    assert Sampler().decide(CALLER, "") == (True, "")
    assert Sampler().decide(CALLER, "ot=th:8;rv:" + "f" * 14 + ",a=1") == (True, "ot=rv:" + "f" * 14 + ",a=1")


# tracestate


@pytest.mark.parametrize(
    ("state", "text", "expected"),
    [
        ("", "8", "ot=th:8"),
        ("", None, ""),
        ("a=1,b=2", "8", "ot=th:8,a=1,b=2"),
        ("a=1,b=2", None, "a=1,b=2"),
        ("a=1,ot=th:c;rv:00000000000001,b=2", "8", "ot=th:8;rv:00000000000001,a=1,b=2"),
        ("a=1,ot=rv:00000000000001;x:y", "8", "ot=th:8;rv:00000000000001;x:y,a=1"),
        ("a=1,ot=rv:00000000000001", None, "ot=rv:00000000000001,a=1"),
        ("a=1,ot=th:c", None, "a=1"),
        ("ot=th:c", None, ""),
        ("ot=th:c", "0", "ot=th:0"),
        ("rot=1,a=ot", "8", "ot=th:8,rot=1,a=ot"),
        ("ot=p:8;th:1;;", "8", "ot=th:8;p:8"),
        ("a=1,ot=" + "x" * 254, "8", "a=1"),
    ],
)
def test_our_entry(state: str, text: str | None, expected: str) -> None:
    """It is merged and goes to the left; those of others stay, in their order."""
    assert with_threshold(state, text) == expected


def test_the_thirty_second_member_gives_way() -> None:
    """There may be 32 of them, and ours is new."""
    state = ",".join(f"k{number}=v" for number in range(32))
    members = with_threshold(state, "8").split(",")
    assert members == ["ot=th:8", *state.split(",")[:31]]
    assert len(with_threshold(f"ot=th:1,{state}".rpartition(",")[0], "8").split(",")) == 32


def test_long_members_give_way_first() -> None:
    """512 characters are what everybody has to pass on."""
    state = "a=1,b=" + "x" * 200 + ",c=" + "y" * 100 + ",d=" + "z" * 100 + ",e=" + "w" * 90
    assert len(state) <= 512
    assert with_threshold(state, "fd70a") == state.replace("a=1,b=" + "x" * 200, "ot=th:fd70a,a=1")


member = st.tuples(
    st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True) | st.just("ot"),
    st.from_regex(r"[a-z0-9:;]{0,150}[a-z0-9]|rv:[0-9a-f]{14}|th:[0-9a-f]{1,14};rv:[0-9a-f]{14}", fullmatch=True),
).map("=".join)
states = st.lists(member, max_size=40).map(",".join).map(clean_tracestate)


@given(states, trace_ids, ratios)
def test_any_state(state: str, trace_id: str, ratio: float) -> None:
    """It stays one that W3C allows; what is random in it stays, what others wrote is never reordered or changed."""
    kept, told = Sampler(ratio=ratio).decide(trace_id, state)
    assert clean_tracestate(told) == told
    assert len(told) <= 512
    own = [entry for entry in told.split(",") if entry.startswith("ot=")]
    others = [entry for entry in told.split(",") if entry and not entry.startswith("ot=")]
    before = [entry for entry in state.split(",") if entry and not entry.startswith("ot=")]
    assert others == [entry for entry in before if entry in others]
    assert own == told.split(",")[: len(own)]
    thresholds = re.findall(r"(?:=|;)th:([^;]*)", own[0]) if own else []
    if not kept:
        assert thresholds == []
    elif own:
        assert thresholds == [threshold(ratio).text]
    given_rv = re.search(r"(?:^|,)ot=(?:[^,]*;)?(rv:[0-9a-f]{14})(?:[;,]|$)", state)
    if given_rv is not None and own:
        assert given_rv[1] in own[0]


@given(st.text(max_size=2000), trace_ids, ratios)
def test_a_state_that_is_none(state: str, trace_id: str, ratio: float) -> None:
    """Nothing that a library may have put there raises."""
    kept, told = Sampler(ratio=ratio).decide(trace_id, state)
    assert isinstance(kept, bool)
    assert len(told) <= len(state) + 32


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ("ot=rv:80000000000000", True),
        ("ot=rv:7fffffffffffff", False),
        ("a=1,ot=th:0;rv:80000000000000;x:1,b=2", True),
        ("ot=x:1;rv:7fffffffffffff", False),
        ("a=rv:7fffffffffffff", True),
        ("not=rv:7fffffffffffff", True),
        ("ot=xrv:7fffffffffffff", True),
        ("ot=rv:7fff", True),
        ("ot=rv:7FFFFFFFFFFFFF", True),
        ("ot=rv:7fffffffffffff0", True),
    ],
)
def test_randomness_of_the_caller(state: str, kept: bool) -> None:
    """`rv` counts instead of the trace id, where it is one."""
    assert keeps(0.5, "0" * 18 + "f" * 14, state) is kept


def test_randomness_is_found_fast() -> None:
    """However a caller writes it; what would take for ever does so here too."""
    assert keeps(0.5, "f" * 32, "ot=" + "rv:;" * 100_000)
    assert keeps(0.5, "f" * 32, "ot=;rv:," * 100_000)


# Routes


@pytest.mark.parametrize(
    ("route", "matching", "others"),
    [
        ("POST /orders", ["POST /orders"], ["GET /orders", "POST /orders/", "POST /orders/1", "XPOST /orders"]),
        ("/orders", ["GET /orders", "BREW /orders"], ["GET /order", "GET /a/orders"]),
        ("/orders/{id}", ["GET /orders/7", "GET /orders/a b"], ["GET /orders/", "GET /orders/7/x", "GET /orders"]),
        ("/orders/{id:int}/x", ["GET /orders/7/x"], ["GET /orders//x"]),
        ("/orders/<int:id>", ["GET /orders/7"], ["GET /orders/7/8"]),
        ("/orders/<id>", ["GET /orders/7"], ["GET /orders"]),
        ("/files/{name:path}", ["GET /files/a/b", "GET /files/"], ["GET /file/a"]),
        ("/files/<path:name>", ["GET /files/a/b", "GET /files/\n"], ["GET /files"]),
        ("/static/*", ["GET /static/", "GET /static/a/b", "GET /static/a\nb"], ["GET /static", "GET /a/static/b"]),
        ("/health*", ["GET /health", "GET /healthy/x"], ["GET /a/health"]),
        ("*", ["GET /", "POST /a/b"], []),
        ("GET *", ["GET /a"], ["POST /a"]),
        ("/a/*/z", ["GET /a/b/z", "GET /a/b/c/z", "GET /a/z/z"], ["GET /a/z", "GET /a/b/zz"]),
        ("/*/x/{id}/*/y", ["GET /a/x/1/b/y", "GET /a/x/x/1/b/y", "GET //x/1/2/3/y"], ["GET /a/x/1/y"]),
        ("*/{id}/edit", ["GET /a/7/edit", "GET /7/edit/edit"], ["GET /edit", "GET /7/edit/"]),
        ("/{a}-{b}", ["GET /1-2", "GET /1-2-3", "GET /---"], ["GET /12", "GET /-1", "GET /1-/2"]),
        ("/{name}.json", ["GET /a.json", "GET /a.json.json"], ["GET /.json", "GET /a.jsonx"]),
        ("/{a}.{b}.json/x", ["GET /1.2.json/x", "GET /1.2.3.json.json/x"], ["GET /1.json/x"]),
        ("/{a}{b}", ["GET /12"], ["GET /1", "GET /"]),
        ("/a+b(c)[d]^$|.?", ["GET /a+b(c)[d]^$|.?"], ["GET /aab(c)[d]^$|.?", "GET /a+b(c)[d]^$|x?"]),
        ("/{}", ["GET /a"], ["GET /"]),
        ("/{a", ["GET /{a"], ["GET /x"]),
        ("/{a/b}", ["GET /{a/b}"], ["GET /x"]),
    ],
)
def test_a_route(route: str, matching: list[str], others: list[str]) -> None:
    """The template that a framework knows, or a star; the whole path, and nothing but a path."""
    matches = route_pattern(route).fullmatch
    assert [asked for asked in [*matching, *others] if matches(asked)] == matching


@pytest.mark.parametrize(
    "route", ["*/*/*/*/*/x", "/{a}-{b}-{c}-{d}-{e}", "/*a*a*a*a*b", "/*/{a}-{b}-{c}/*/x", "*-{a}-"]
)
@pytest.mark.parametrize("path", ["/" * 100_000, "/" + "-" * 100_000 + "/", "/" + "a" * 100_000, "/a-" * 50_000])
def test_no_path_takes_long(route: str, path: str) -> None:
    """A pattern that tries what it has tried would take years here."""
    assert Sampler(ratio=0.0, routes={f"POST {route}!": 1}).decide(CALLER, "", "POST", path) == (False, "")


@given(st.text("/a-*{}<>:", max_size=12), st.text("/a-\n", max_size=12))
def test_any_route_and_path(route: str, path: str) -> None:
    """A template always makes a pattern, which matches itself where nothing in it varies."""
    matches = route_pattern(f"/{route}").fullmatch
    matches(f"GET /{path}")
    if not set(route) & set("*{<"):
        assert matches(f"GET /{route}")


segments = st.lists(st.sampled_from(["*", "{x}", "a", "b", "-", "/"]), max_size=7).map("".join)


@given(segments, st.text("ab-/", max_size=10))
def test_as_a_pattern_that_tries_everything(route: str, path: str) -> None:
    """Matching once and never again finds what matching with all detours does."""
    naive = re.escape(route).replace(r"\*", ".*").replace(r"\{x\}", "[^/]+")
    expected = re.fullmatch(f"[^ ]* /{naive}", f"GET /{path}", re.DOTALL)
    assert bool(route_pattern(f"/{route}").fullmatch(f"GET /{path}")) is bool(expected)


def test_the_first_route_counts() -> None:
    """Then the ratio, which also counts where nobody knows the path."""
    sampler = Sampler(ratio=0, routes={"POST /orders": 1, "/orders": 0.5, "*": 0.0, "/never": 1})
    assert sampler.decide(CALLER, "", "POST", "/orders") == (True, "ot=th:0")
    assert sampler.decide("f" * 32, "", "GET", "/orders") == (True, "ot=th:8")
    assert sampler.decide("f" * 32, "", "GET", "/never") == (False, "")
    assert sampler.decide("f" * 32, "") == (False, "")
    assert Sampler(routes={"/health": 0}).decide(CALLER, "", "GET", "/") == (True, "")


# So many in a second


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def taken(sampler: Sampler, number: int) -> int:
    return sum(sampler.decide("f" * 32, "")[0] for _ in range(number))


def test_so_many_in_a_second() -> None:
    """What was not used is not saved up; nothing is claimed of the share, which nobody knows."""
    clock = Clock()
    sampler = Sampler(ratio=1, per_second=10, clock=clock)
    assert sampler.decide(CALLER, "a=1,ot=th:0") == (True, "a=1")
    assert taken(sampler, 100) == 9
    assert sampler.decide(CALLER, "a=1,ot=th:0") == (False, "a=1")
    clock.now += 0.25
    assert taken(sampler, 100) == 2
    clock.now += 3600
    assert taken(sampler, 100) == 10
    clock.now -= 50
    assert taken(sampler, 100) == 0


def test_fewer_than_one_in_a_second() -> None:
    clock = Clock()
    sampler = Sampler(per_second=0.1, clock=clock)
    assert taken(sampler, 5) == 1
    clock.now += 9
    assert taken(sampler, 5) == 0
    clock.now += 1.1
    assert taken(sampler, 5) == 1


def test_only_what_would_be_kept_counts() -> None:
    """A trace that the ratio turns away takes no one's place."""
    sampler = Sampler(ratio=0.5, per_second=3, clock=Clock())
    assert [sampler.decide(trace_id, "")[0] for trace_id in ["0" * 31 + "1", "f" * 32] * 5] == [False, True] * 3 + [
        False
    ] * 4


@pytest.mark.parametrize("limit", [0, -1])
def test_no_limit_is_nothing(limit: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        Sampler(per_second=limit)


def test_threads_share_a_limit() -> None:
    sampler = Sampler(per_second=100, clock=Clock())
    counts: list[int] = []
    barrier = threading.Barrier(8)

    def take() -> None:
        barrier.wait()
        counts.append(taken(sampler, 1000))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counts) == 8
    assert sum(counts) == 100


# Callers

FORMATS = ("tracecontext", "b3", "b3multi")
KEEP, DROP = 1.0, 0.0
TRACEPARENT = f"00-{CALLER}-{PARENT}-"


@pytest.mark.parametrize(
    ("headers", "sampled", "state"),
    [
        ({}, None, None),
        ({"traceparent": TRACEPARENT + "01", "tracestate": "a=1,ot=th:c"}, True, "a=1,ot=th:c"),
        ({"traceparent": TRACEPARENT + "00", "tracestate": "a=1"}, False, "a=1"),
        ({"traceparent": TRACEPARENT + "03"}, True, None),
        ({"traceparent": "00-junk-00-01"}, None, None),
        ({"b3": f"{CALLER}-{PARENT}"}, None, None),
        ({"b3": f"{CALLER}-{PARENT}-1"}, True, None),
        ({"b3": f"{CALLER}-{PARENT}-0"}, False, None),
        ({"b3": f"{CALLER}-{PARENT}-d"}, True, None),
        ({"b3": "0"}, False, None),
        ({"b3": "1"}, True, None),
        ({"b3": "d"}, True, None),
        ({"x-b3-sampled": "0"}, False, None),
        ({"x-b3-traceid": CALLER, "x-b3-spanid": PARENT}, None, None),
        ({"x-b3-traceid": CALLER, "x-b3-spanid": PARENT, "x-b3-flags": "1"}, True, None),
    ],
)
@pytest.mark.parametrize("ratio", [KEEP, DROP])
@pytest.mark.parametrize("obeyed", [True, False])
def test_the_decision_of_a_caller(
    trace: Any, headers: dict[str, str], sampled: bool | None, state: str | None, ratio: float, obeyed: bool
) -> None:
    """It is obeyed where there is one, unless the settings decide anew; debug is never overruled."""
    debug = "d" in headers.get("b3", "")[-1:] or "x-b3-flags" in headers
    seen = trace(*headers.items(), accept=FORMATS, sampler=Sampler(ratio=ratio, parent=obeyed))
    decided = sampled is not None and (obeyed or debug)
    assert bool(seen.span.trace_flags & 1) is (sampled if decided else ratio == KEEP)
    assert seen.continued is ("junk" not in str(headers) and CALLER in str(headers))
    if decided:
        assert seen.span.trace_state == (state or "")
    else:
        assert seen.span.trace_state.startswith("ot=th:0" if ratio == KEEP else "a=1" if state else "")
    assert seen.sent["traceparent"][-1:] == str(seen.span.trace_flags)[-1:]
    assert seen.sent["traceparent"].startswith(f"00-{seen.span.trace_id}-{seen.span.span_id}-")


def test_a_caller_is_obeyed_without_a_sampler(trace: Any) -> None:
    assert trace(("traceparent", TRACEPARENT + "00")).sent["traceparent"].endswith("-00")
    assert trace(("traceparent", TRACEPARENT + "01")).sent["traceparent"].endswith("-01")
    assert trace().sent["traceparent"].endswith("-03")


def test_all_services_of_a_chain_agree(trace: Any) -> None:
    """Each decides by itself, and all come to the same."""
    for _ in range(20):
        first = trace(sampler=Sampler(ratio=0.5))
        second = trace(*first.sent.items(), sampler=Sampler(ratio=0.5, parent=False))
        assert second.span.trace_id == first.span.trace_id
        assert (second.span.trace_flags, second.span.trace_state) == (first.span.trace_flags, first.span.trace_state)


# Installed


def serve(kind: str, sample: dict[str, Any], sent: dict[str, str], **settings: Any) -> Any:
    """One of the frameworks, whose handler would call another service."""
    app: Any
    options = {"trace": {"to": ["memory"], "sample": sample, "global": False}, "log": {"to": ["stdout"]}, **settings}
    if kind == "asgi":
        app = FastAPI()

        @app.get("/orders/{number}")
        @app.post("/orders/{number}")
        async def order(number: str) -> str:
            inject(sent)
            return number
    else:
        app = flask.Flask("app")

        @app.route("/orders/<number>", methods=["GET", "POST"])
        def flask_order(number: str) -> str:
            inject(sent)
            return number

    return install(app, options)


@pytest.fixture(params=["asgi", "wsgi"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_what_is_not_sampled_passes_on_and_is_logged_and_counted(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Only the span is missing."""
    import midwatch

    sent: dict[str, str] = {}
    finished_spans.clear()
    app = serve(kind, {"ratio": 0}, sent)
    call = call_asgi if kind == "asgi" else call_wsgi
    answer = call(app, path="/orders/7")
    page = call(app, path="/metrics").body.decode()
    midwatch.flush()
    assert answer.status == 200
    assert list(finished_spans) == []
    assert sent["traceparent"].endswith("-02")
    assert "tracestate" not in sent
    line = next(line for line in capfd.readouterr().out.splitlines() if "/orders/7" in line)
    assert f'"trace_id":"{sent["traceparent"][3:35]}"' in line
    assert '"trace_flags":"02"' in line
    assert re.search(r'http_server_request_duration_seconds_count\{.*route="/orders/[{<]number[}>]".*\} 1\.0', page)


def test_by_route(kind: str) -> None:
    """With the settings as a user writes them."""
    sent: dict[str, str] = {}
    finished_spans.clear()
    app = serve(kind, {"ratio": 0.0, "routes": {"POST /orders/{id}": 1.0}}, sent)
    call = call_asgi if kind == "asgi" else call_wsgi
    call(app, "GET", "/orders/7")
    assert sent["traceparent"].endswith("-02")
    call(app, "POST", "/orders/7")
    assert sent["traceparent"].endswith("-03")
    assert sent["tracestate"] == "ot=th:0"
    (span,) = finished_spans
    assert span.attributes["http.request.method"] == "POST"


def test_by_number(kind: str) -> None:
    sent: dict[str, str] = {}
    finished_spans.clear()
    app = serve(kind, {"per_second": 1e-6}, sent)
    call = call_asgi if kind == "asgi" else call_wsgi
    flags = []
    for _ in range(3):
        call(app, path="/orders/7")
        flags.append(sent["traceparent"][-2:])
    assert flags == ["03", "02", "02"]
    assert len(finished_spans) == 1


def test_traces_that_no_request_began() -> None:
    """A job asks the same sampler; and so does what is below it, through its parent."""
    script = """
import midwatch
from midwatch.tracing import Sampler, Tracing, finished_spans
for ratio, spans in ((0, 0), (1, 2)):
    Tracing(to=["memory"], sampler=Sampler(ratio=ratio)).on_startup()
    with midwatch.span("job"), midwatch.span("part"):
        headers = {}
        midwatch.inject(headers)
    assert headers["traceparent"].endswith("-03" if ratio else "-02"), headers
    assert headers.get("tracestate") == ("ot=th:0" if ratio else None), headers
    assert len(finished_spans) == spans
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_a_fork_while_a_limit_is_held() -> None:
    """A child that serves is not stopped by a thread that does not exist in it."""
    script = """
import os, threading
from midwatch.tracing import Sampler
reached, released = threading.Event(), threading.Event()

def clock():
    if threading.current_thread() is not threading.main_thread() and os.getpid() == parent:
        reached.set()
        released.wait()
    return 1.0

parent = os.getpid()
sampler = Sampler(per_second=5, clock=clock)
thread = threading.Thread(target=sampler.decide, args=("f" * 32, ""))
thread.start()
reached.wait()
child = os.fork()
if child == 0:
    import signal
    signal.alarm(20)
    os._exit(0 if sampler.decide("f" * 32, "")[0] else 1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
released.set()
thread.join()
assert status == 0, status
"""
    subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c", script], check=True, timeout=60)


def test_the_options_reach_the_door(door: Any) -> None:
    """`Tracing` by itself, without settings."""
    spans: list[Any] = []
    app = door.watch(ScriptedApp(), Tracing(to=[spans.append], sampler=Sampler(routes={"/static/*": 0})))
    door.call(app, path="/static/a.css")
    door.call(app, path="/orders")
    (span,) = spans
    assert (span.attributes["url.path"], span.trace_state) == ("/orders", "")
