"""Whose traces are continued."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import flask
import pytest
from fastapi import FastAPI

from midwatch import Exchange, inject, install
from midwatch.plugin import failures
from midwatch.proxies import Proxies
from midwatch.testing import Answer, Recorder, ScriptedApp, call_asgi, call_wsgi
from midwatch.tracing import Sampler, Span, Tracing, trust_of
from midwatch.tracing.export import finished_spans

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"
CALLER = (
    ("traceparent", f"00-{TRACE_ID}-{PARENT_ID}-01"),
    ("tracestate", "a=1,ot=th:8;rv:00000000000001"),
    ("baggage", "tenant=acme"),
    ("x-request-id", "from-the-caller"),
)


def served(kind: str, trust: Any, *headers: tuple[str, str], **options: Any) -> tuple[Exchange, dict[str, str], Answer]:
    """One request, installed as a user does it; the exchange, and what the next service would be told."""
    sent: dict[str, str] = {}
    recorder = Recorder()
    app: Any = FastAPI() if kind == "asgi" else flask.Flask("app")

    async def endpoint() -> str:
        inject(sent)
        return ""

    def flask_endpoint() -> str:
        inject(sent)
        return ""

    app.add_api_route("/", endpoint) if kind == "asgi" else app.add_url_rule("/", view_func=flask_endpoint)
    trace = {"to": ["memory"], "trust": trust, "global": False, **options.pop("trace", {})}
    settings = {"trace": trace, "trusted_proxies": ["10.0.0.0/8"], "log": {"to": ["stderr"]}, "plugins": [recorder]}
    finished_spans.clear()
    call = call_asgi if kind == "asgi" else call_wsgi
    installed = install(app, {**settings, **options.pop("settings", {})})
    answer = call(installed, headers=[("host", "testserver"), *(headers or CALLER)], **options)
    assert answer.status == 200
    return recorder.exchange, sent, answer


@pytest.fixture(params=["asgi", "wsgi"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def forgotten() -> Iterator[dict[str, int]]:
    """Failures that a test provokes are taken out again."""
    before = failures.copy()
    new: dict[str, int] = {}
    yield new
    for name in list(failures):
        if failures[name] != before.get(name, 0):
            new[name] = failures[name] - before.get(name, 0)
            del failures[name]
    failures.update(before)


def trusted(exchange: Exchange, sent: dict[str, str]) -> bool:
    """Whether the caller's trace went on, wholly; else that nothing of it did, and that it is linked."""
    assert exchange.request_id == "from-the-caller"
    (span,) = finished_spans
    if span.trace_id == TRACE_ID:
        assert (span.parent_id, span.trace_flags, span.links) == (PARENT_ID, 1, [])
        assert span.trace_state == "a=1,ot=th:8;rv:00000000000001"
        assert (sent["tracestate"], sent["baggage"]) == (span.trace_state, "tenant=acme")
        assert sent["traceparent"] == f"00-{TRACE_ID}-{span.span_id}-01"
        return True
    (link,) = span.links
    assert (f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}") == (TRACE_ID, PARENT_ID)
    assert link.context.is_remote
    assert (span.parent_id, span.trace_state) == (None, "")
    assert sorted(sent) == ["traceparent"]
    assert exchange.trace_id == span.trace_id != TRACE_ID
    return False


@pytest.mark.parametrize(
    ("trust", "peer", "expected"),
    [
        ("always", "203.0.113.9", True),
        ("never", "127.0.0.1", False),
        ("proxies", "10.1.2.3", True),
        ("proxies", "203.0.113.9", False),
        ("proxies", "127.0.0.1", False),
        (lambda exchange: True, "203.0.113.9", True),
        (lambda exchange: exchange.header("x-request-id"), "203.0.113.9", True),
        (lambda exchange: exchange.header("x-secret"), "203.0.113.9", False),
        (lambda exchange: exchange.peer[0] == "203.0.113.9", "203.0.113.9", True),
        (lambda exchange: None, "127.0.0.1", False),
    ],
)
def test_whom(kind: str, trust: Any, peer: str, expected: bool) -> None:
    exchange, sent, _ = served(kind, trust, peer=(peer, 5))
    assert trusted(exchange, sent) is expected


def test_a_callable_by_name(kind: str) -> None:
    """`module:attribute`, as a dict in a file would have it."""
    exchange, sent, _ = served(kind, "operator:truth")
    assert trusted(exchange, sent) is True


@pytest.mark.parametrize("trust", ["proxies", "never"])
def test_the_forwarded_client_is_not_the_caller(kind: str, trust: str) -> None:
    """A stranger may write any address; only the socket's other end counts."""
    headers = (*CALLER, ("x-forwarded-for", "10.1.2.3"))
    exchange, sent, _ = served(kind, trust, *headers, peer=("203.0.113.9", 5))
    assert trusted(exchange, sent) is False
    headers = (*CALLER, ("x-forwarded-for", "203.0.113.9"))
    exchange, sent, _ = served(kind, trust, *headers, peer=("10.9.9.9", 5))
    assert exchange.client == "203.0.113.9"
    assert trusted(exchange, sent) is (trust == "proxies")


def test_a_unix_socket(door: Any) -> None:
    """Its peer has no address; whether it is a proxy is a setting of its own."""
    for networks, expected in ((["unix"], True), (["10.0.0.0/8"], False)):
        spans: list[Span] = []
        tracing = Tracing(to=[spans.append], trust=trust_of("proxies", Proxies(networks)))
        door.call(door.watch(ScriptedApp(), tracing), headers=[("host", "testserver"), *CALLER], peer=None)
        assert (spans[0].trace_id == TRACE_ID) is expected


@pytest.mark.parametrize("flags", ["00", "01"])
@pytest.mark.parametrize("ratio", [0, 1])
def test_the_callers_sampling_is_dropped(kind: str, flags: str, ratio: int) -> None:
    """A stranger neither has everything kept nor hides."""
    headers = (("traceparent", f"00-{TRACE_ID}-{PARENT_ID}-{flags}"),)
    exchange, sent, _ = served(kind, "never", *headers, trace={"sample": {"ratio": ratio}})
    assert exchange.trace_flags & 1 == ratio
    assert len(finished_spans) == ratio
    assert sent["traceparent"].endswith(f"-0{2 + ratio}")
    assert exchange.trace_id != TRACE_ID


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("b3", f"{TRACE_ID}-{PARENT_ID}-d"),
        ("b3", "d"),
        ("b3", "0"),
        ("x-b3-flags", "1"),
        ("uber-trace-id", f"{TRACE_ID}:{PARENT_ID}:0:3"),
        ("x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"),
        ("x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"),
        ("ot-baggage-tenant", "acme"),
        ("uberctx-tenant", "acme"),
    ],
)
def test_other_formats_too(kind: str, header: str, value: str) -> None:
    """Debug, decisions alone and a load balancer's root are dropped like the rest; what has a span is linked."""
    formats = ["tracecontext", "baggage", "b3", "b3multi", "jaeger", "xray", "ottrace"]
    exchange, sent, _ = served(kind, "never", (header, value), trace={"accept": formats, "send": formats})
    (span,) = finished_spans
    assert span.parent_id is None
    assert (sent["b3"], sent["x-b3-sampled"]) == (f"{span.trace_id}-{span.span_id}-1", "1")
    assert "x-b3-flags" not in sent
    assert sent["uber-trace-id"].endswith(":0:1")
    assert not [name for name in sent if "baggage" in name or name.startswith("uberctx")]
    assert len(span.links) == (":" in value or "Parent" in value or TRACE_ID in value)


def test_nothing_to_link(kind: str) -> None:
    """A stranger without a trace is no stranger's trace."""
    exchange, _, _ = served(kind, "never", ("traceparent", "junk"))
    (span,) = finished_spans
    assert span.links == []
    assert exchange.request_id == span.trace_id


class NoTruthError(Exception): ...


class Untold:
    def __bool__(self) -> bool:
        raise NoTruthError


def raises(exchange: Exchange) -> bool:
    raise KeyError("no such header")


def undecided(exchange: Exchange) -> Any:
    return Untold()


async def asked(exchange: Exchange) -> bool:
    return True


def waits(exchange: Exchange) -> Any:
    answer = asked(exchange)
    # What nobody awaits is complained of where it is collected; this test knows.
    answer.close()
    return answer


@pytest.mark.parametrize("trust", [raises, undecided, waits])
def test_a_callable_that_fails_trusts_nobody(kind: str, trust: Any, forgotten: dict[str, int]) -> None:
    """It is counted, and the request goes on; what would have to be awaited says nothing, and is no yes."""
    before = failures.get(trust.__qualname__, 0)
    exchange, sent, _ = served(kind, trust)
    assert trusted(exchange, sent) is False
    assert failures[trust.__qualname__] == before + 1


def test_what_is_no_trust() -> None:
    with pytest.raises(ValueError, match="known are always, proxies, never and a callable"):
        trust_of("alwys", None)
    assert trust_of("always", None) is None


@pytest.mark.parametrize("trust", ["proxies", "never"])
def test_without_proxies_nobody_is_one(trust: str) -> None:
    trusts: Callable[..., object] | None = trust_of(trust, None)
    assert trusts is not None
    assert trusts(object()) is False


def test_the_sampler_decides_on_what_begins_here(trace: Any) -> None:
    """By the new trace, since the stranger's randomness went with its state."""
    headers = (("traceparent", f"00-{TRACE_ID}-{PARENT_ID}-00"), ("tracestate", "ot=rv:00000000000000"))
    seen = trace(*headers, trust=lambda exchange: False, sampler=Sampler(ratio=1 - 2**-50))
    assert (seen.span.trace_flags, seen.span.trace_state) == (3, "ot=th:0")


def test_fastapis_own_telemetry_reads_nothing_that_is_not_trusted() -> None:
    """It extracts from the same headers again, where its operations are wanted."""
    from fastapi import FastAPI

    from midwatch import inject, install
    from midwatch.testing import call_asgi

    app = FastAPI()
    sent: dict[str, str] = {}

    @app.get("/")
    async def endpoint() -> None:
        inject(sent)

    off = dict.fromkeys(("log", "metrics", "audit", "health", "errors"), False)
    formats = ["tracecontext", "baggage", "b3"]
    trace = {"trust": "never", "operations": True, "accept": formats, "send": formats, "sample": {"ratio": 0}}
    headers = [("host", "x"), ("baggage", "tenant=evil"), ("b3", "d"), ("traceparent", f"00-{'a' * 32}-{'b' * 16}-01")]
    call_asgi(install(app, {**off, "trace": {**trace, "to": [lambda span: None]}}), headers=headers)

    assert "baggage" not in sent
    assert sent["b3"].endswith("-0")
    assert "a" * 32 not in sent["traceparent"]
