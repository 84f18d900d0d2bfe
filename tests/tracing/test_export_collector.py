"""Spans to a collector over HTTP: batches, bad answers, bounds; every span is sent or counted."""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from midwatch import Tracing, flush
from midwatch.delivery import Channel, Later, Refused
from midwatch.delivery import channel as delivery
from midwatch.delivery.worker import Worker
from midwatch.testing import ScriptedApp
from midwatch.tracing.export import body, exporter
from midwatch.tracing.export.body import Bodies
from midwatch.tracing.export.collector import channel_to
from midwatch.tracing.export.otlp import OTLP

from .export_double import LONG, SERVICE, Answer, Collector, collecting, ended, made
from .strict import read_traces

if TYPE_CHECKING:
    from midwatch.tracing import Span


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(params=["otlp", "zipkin"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def by_hand(collector: Collector, scheme: str = "otlp", query: str = "") -> Channel[Span]:
    """A channel that no worker steps."""
    return idle(channel_to(f"{scheme}://{collector.at}?delay=0&{query}".rstrip("&"), SERVICE))


def idle(channel: Channel[Span]) -> Channel[Span]:
    delivery.channels.discard(channel)
    channel.worker = Worker(list)
    return channel


def ids(numbers: Any) -> list[str]:
    return [f"{number + 1:016x}" for number in numbers]


# What arrives


def test_a_request(door: Any, collector: Collector) -> None:
    """From the door to the collector, in the protocol's own words."""
    app = door.watch(ScriptedApp(), Tracing(to=[f"otlp://{collector.at}/base?delay=0"], service=SERVICE))
    door.call(app, path="/orders")
    assert flush(LONG)
    (request,) = collector.requests
    assert request.path == "/base/v1/traces"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("midwatch/")
    assert "traceparent" not in request.headers
    (told,) = read_traces(request.body).resource_spans
    (span,) = told.scope_spans[0].spans
    assert {pair.key: pair.value.string_value for pair in told.resource.attributes}["service.name"] == "shop"
    assert {pair.key: pair.value.string_value for pair in span.attributes}["url.path"] == "/orders"


def test_headers_and_gzip(collector: Collector, scheme: str) -> None:
    channel = by_hand(collector, scheme, "compression=gzip&header.X-Key=a%20b&header.authorization=Bearer%20x")
    channel.put(ended(name="work"))
    channel.step()
    (request,) = collector.requests
    assert (request.headers["x-key"], request.headers["authorization"]) == ("a b", "Bearer x")
    assert request.headers["content-encoding"] == "gzip"
    assert request.body[:2] == b"\x1f\x8b"
    assert request.names == ["work"]


def test_credentials(collector: Collector) -> None:
    """Are sent, and never shown."""
    channel = idle(channel_to(f"otlp://user:secret@{collector.at}/?delay=0&header.key=secret", SERVICE))
    channel.put(ended())
    channel.step()
    assert collector.requests[0].headers["authorization"].startswith("Basic ")
    assert channel.name == f"spans to otlp://{collector.at}/"


def test_spans_gather_to_batches(collector: Collector, scheme: str) -> None:
    """In their order, over one connection."""
    channel = by_hand(collector, scheme, "batch=100")
    for number in range(250):
        channel.put(ended(number))
    while channel.step():
        pass
    assert [len(request.ids) for request in collector.requests] == [100, 100, 50]
    assert collector.ids == ids(range(250))
    assert len({request.client for request in collector.requests}) == 1
    assert (channel.sent, channel.dropped) == (250, 0)


@pytest.mark.no_cover  # Others cover what it does; tracing would double its time.
def test_a_hundred_thousand_spans_in_one_trace(collector: Collector) -> None:
    """All arrive, or are counted."""
    export = exporter([f"otlp://{collector.at}?delay=0&queue=1000000"], SERVICE)
    assert export is not None
    (channel,) = [one for one in delivery.channels if one.name == f"spans to otlp://{collector.at}"]
    for number in range(100_000):
        made(number, export=export).end()
    assert flush(2 * LONG)
    assert channel.sent + channel.dropped == 100_000
    assert channel.sent == len(collector.ids) == len(set(collector.ids))
    assert channel.sent > 10_000


# Answers


def test_a_partial_success(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    """Is told, counted and not sent again; the number is a text by the protocol, and a number in practice."""
    channel = by_hand(collector, query="batch=10")
    for refused in ("3", 2, "0", None, "-5", "99"):
        told = {"partialSuccess": {"rejectedSpans": refused, "errorMessage": "too\nold"}}
        collector.answers.append(Answer(200, json.dumps(told).encode()))
    collector.answers.append(Answer(200, b'{"partialSuccess":null}'))
    collector.answers.append(Answer(200, b'{"partialSuccess":{}}'))
    for number in range(80):
        channel.put(ended(number))
    while channel.step():
        pass
    assert len(collector.requests) == 8
    assert (channel.sent, channel.dropped) == (80 - 3 - 2 - 10, 3 + 2 + 10)
    (record,) = caplog.records
    assert record.getMessage() == (
        f"spans to http://{collector.at}/v1/traces: the collector did not take 3 spans: 'too\\nold'"
    )


@pytest.mark.parametrize(
    "answer",
    [b"", b"ok", b"null", b"[]", b"{", b'{"partialSuccess":5}', b'{"partialSuccess":{"rejectedSpans":"many"}}', b"\xff",
     b"[" * 100_000, b'{"partialSuccess":{"rejectedSpans":"' + b"9" * 10_000 + b'"}}'],
)  # fmt: skip
def test_an_answer_that_says_nothing(collector: Collector, answer: bytes) -> None:
    """Success is success."""
    collector.usual = Answer(200, answer)
    channel = by_hand(collector)
    channel.put(ended())
    channel.step()
    assert (channel.sent, channel.dropped, channel.pending) == (1, 0, 0)


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 413, 500])
def test_what_is_refused_is_counted(
    collector: Collector, scheme: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """And told, once; the next batch has a chance of its own."""
    collector.answers = [Answer(status, b"no")]
    channel = by_hand(collector, scheme, "batch=2")
    for number in range(4):
        channel.put(ended(number))
    while channel.step():
        pass
    assert (channel.sent, channel.dropped, channel.pending) == (2, 2, 0)
    assert collector.ids == ids(range(4))
    (record,) = caplog.records
    assert re.search(f"Refused: http://127.0.0.1:{collector.port}/.*: {status} no$", record.getMessage())


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_collector_gets_the_same_again(collector: Collector, scheme: str, status: int) -> None:
    collector.answers = [Answer(status), Answer(status, headers={"retry-after": "99999999"})]
    channel = by_hand(collector, scheme)
    channel.put(ended())
    for _ in range(3):
        channel.hurry()
        channel.step()
    assert [request.body for request in collector.requests] == [collector.requests[0].body] * 3
    assert (channel.sent, channel.dropped) == (1, 0)


def test_a_busy_collector_says_how_long(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is not asked before."""
    now = 1000.0
    monkeypatch.setattr(delivery, "monotonic", lambda: now)
    collector.answers = [Answer(503, headers={"retry-after": "30"})]
    channel = by_hand(collector)
    channel.put(ended())
    channel.step()
    now += 29.9
    assert not channel.step()
    now += 0.1
    assert channel.step()
    assert len(collector.requests) == 2


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


@pytest.mark.parametrize("raw", [lambda connection: None, reset, lambda connection: connection.sendall(b"HTTP/1.1 5")])
def test_a_collector_that_hangs_up(collector: Collector, scheme: str, raw: Any) -> None:
    """Gets the same again, from the next connection."""
    collector.answers = [Answer(raw=raw)] * 2
    channel = by_hand(collector, scheme)
    channel.put(ended())
    for _ in range(3):
        channel.hurry()
        channel.step()
    assert (channel.sent, channel.dropped, channel.pending) == (1, 0, 0)
    assert len({request.body for request in collector.requests}) == 1


def test_a_collector_that_is_down_and_comes_back() -> None:
    """What was queued meanwhile arrives, up to the bound of the queue; the rest is counted."""
    with collecting() as gone:
        pass
    channel = by_hand(gone, query="queue=100")
    for number in range(150):
        channel.put(ended(number))
    channel.step()
    assert (channel.pending, channel.dropped, channel.sent) == (100, 50, 0)
    with collecting() as back:
        channel._deliver.__self__._poster._url = f"http://{back.at}/v1/traces"  # type: ignore[attr-defined]
        channel.hurry()
        while channel.step():
            pass
        assert back.ids == ids(range(100))
    assert (channel.pending, channel.dropped, channel.sent) == (0, 50, 100)


def test_in_the_end_a_batch_is_given_up(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is behind it is another batch, with bytes of its own."""
    now = 1000.0
    monkeypatch.setattr(delivery, "monotonic", lambda: now)
    collector.usual = Answer(503)
    channel = by_hand(collector, query="batch=1")
    channel.put(ended(0))
    channel.put(ended(1))
    while not channel.dropped:
        channel.step()
        now += 5
    collector.usual = Answer()
    channel.step()
    assert collector.requests[-1].ids == ids([1])
    assert (channel.sent, channel.dropped, channel.pending) == (1, 1, 0)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([200, 400, 429, 503, 0, 206]), max_size=12),
    st.integers(1, 7),
    st.integers(1, 30),
    st.integers(200, 3000),
)
def test_sent_and_dropped_are_all(
    collector: Collector, answers: list[int], batch: int, spans: int, enough: int
) -> None:
    """Whatever is answered when, and into however many requests a batch is cut."""
    collector.requests.clear()
    partial = Answer(200, b'{"partialSuccess":{"rejectedSpans":"1"}}')
    kinds = {0: Answer(raw=lambda connection: None), 206: partial}
    collector.answers = [kinds.get(status, Answer(status)) for status in answers]
    channel = by_hand(collector, query=f"batch={batch}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(body, "ENOUGH", enough)
        for number in range(spans):
            channel.put(ended(number))
        while channel.pending:
            channel.hurry()
            channel.step()
    assert channel.sent + channel.dropped == spans
    assert set(collector.ids) == set(ids(range(spans)))
    assert channel.sent <= sum(len(request.ids) for request in collector.requests)
    collector.answers = []


# Size


def heavy(number: int, weight: int = 30_000) -> Span:
    span = made(number)
    span.set_attribute("text", "x" * weight)
    span.end(span.start_time + 1)
    return span


def test_large_batches_are_cut(collector: Collector, scheme: str) -> None:
    """Into requests of some megabytes, each whole."""
    channel = by_hand(collector, scheme)
    for number in range(512):
        span = made(number)
        for part in range(4):
            span.set_attribute(f"text{part}", "x" * 15_000)
        span.end(span.start_time + 1)
        channel.put(span)
    channel.step()
    assert channel.sent == 512
    assert len(collector.requests) == 8
    assert max(len(request.body) for request in collector.requests) < 4.3e6
    assert collector.ids == ids(range(512))


def test_a_cut_batch_goes_on_where_it_was_stopped(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has arrived is not sent again; what is refused is counted alone, and told."""
    monkeypatch.setattr(body, "ENOUGH", 100_000)
    collector.answers = [Answer(200), Answer(503), Answer(200), Answer(raw=lambda connection: None), Answer(400)]
    channel = by_hand(collector)
    for number in range(12):
        channel.put(heavy(number))
    for _ in range(3):
        channel.hurry()
        channel.step()
    assert [request.ids for request in collector.requests] == [
        ids(range(3)),
        *[ids(range(3, 6))] * 2,
        *[ids(range(6, 9))] * 2,
        ids(range(9, 12)),
    ]
    assert (channel.sent, channel.dropped, channel.pending) == (9, 3, 0)


def test_a_batch_that_is_refused_in_parts(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Is told once a minute, like all else."""
    monkeypatch.setattr(body, "ENOUGH", 40_000)
    collector.answers = [Answer(400, b"no"), Answer(200), Answer(400, b"never")]
    channel = by_hand(collector)
    for number in range(3):
        channel.put(heavy(number))
    channel.step()
    assert (channel.sent, channel.dropped, channel.pending) == (1, 2, 0)
    assert [record.getMessage() for record in caplog.records] == [
        f"spans to http://{collector.at}/v1/traces: http://{collector.at}/v1/traces: 400 no"
    ]


def test_memory_that_somebody_still_holds() -> None:
    """As after a fork in the middle of sending: the next body is written elsewhere."""
    bodies = Bodies(OTLP(SERVICE))
    bodies.begin([ended(0)])
    first = bodies.following()
    assert first is not None
    held, before = first[:], bytes(first)
    bodies.begin([ended(1)])
    second = bodies.following()
    assert second is not None
    assert ids([1])[0].encode() in bytes(second)
    assert bytes(held) == before


def test_memory_is_kept_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that was larger than most leaves none of it."""
    monkeypatch.setattr(body, "ENOUGH", 50_000)
    bodies = Bodies(OTLP(SERVICE))
    for spans, kept in (([ended(0)], True), ([heavy(1, 32_000)] * 9, True), ([ended(2)], False)):
        buffer = bodies._buffer
        bodies.begin(spans)
        while bodies.following() is not None:
            pass
        assert (bodies._buffer is buffer) or not kept
        assert bodies._buffer.getbuffer().nbytes < 110_000


def test_a_span_that_no_request_can_hold(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Is counted and told; its batch goes on without it."""
    monkeypatch.setattr(body, "ENOUGH", 15_000)
    monkeypatch.setattr(body, "TOO_MUCH", 20_000)
    channel = by_hand(collector)
    for span in (ended(0), heavy(1), ended(2)):
        channel.put(span)
    channel.step()
    assert collector.ids == ids([0, 2])
    assert (channel.sent, channel.dropped) == (2, 1)
    assert caplog.records[0].getMessage().endswith(": 1 spans are too large, or cannot be said")
    channel.put(heavy(3))
    channel.step()
    assert (channel.sent, channel.dropped, len(collector.requests)) == (2, 2, 1)


def test_a_span_that_cannot_be_said(collector: Collector, scheme: str) -> None:
    """Costs nobody else."""
    broken = ended(1)
    broken.kind = broken.attributes = None  # type: ignore[assignment]
    channel = by_hand(collector, scheme)
    for span in (ended(0), broken, ended(2)):
        channel.put(span)
    channel.step()
    assert collector.ids == ids([0, 2])
    assert (channel.sent, channel.dropped) == (2, 1)


def test_a_full_queue_drops_the_newest(collector: Collector) -> None:
    channel = by_hand(collector, query="queue=3")
    for number in range(5):
        channel.put(ended(number))
    channel.step()
    assert collector.ids == ids(range(3))
    assert (channel.sent, channel.dropped) == (3, 2)


def test_long_values_count(collector: Collector) -> None:
    """A queue of few spans may be full, since it is memory that is bounded."""
    export = exporter([f"otlp://{collector.at}?delay=60"], SERVICE)
    assert export is not None
    (channel,) = [one for one in delivery.channels if one.name == f"spans to otlp://{collector.at}"]
    for number in range(60):
        span = made(number, export=export)
        for part in range(20):
            span.set_attribute(f"text{part}", "x" * 32_768)
        span.end()
    assert 45 <= channel.pending <= 52
    assert channel.dropped == 60 - channel.pending
    assert flush(LONG)


# Slow ones


def hang(over: threading.Event) -> Answer:
    return Answer(raw=lambda connection: over.wait(LONG))


def test_a_collector_that_hangs_holds_up_nobody(collector: Collector) -> None:
    """Neither the request, nor another destination; the flush ends in time."""
    over = threading.Event()
    collector.usual = hang(over)
    with collecting() as other:
        export = exporter([f"otlp://{collector.at}?delay=0", f"zipkin://{other.at}?delay=0"], SERVICE)
        assert export is not None
        made(0, export=export).end()
        assert collector.came.acquire(timeout=LONG)
        made(1, export=export).end()
        assert other.came.acquire(timeout=LONG)
        assert not flush(0.2)
        over.set()
        collector.usual = Answer()
        assert flush(LONG)
        assert other.ids == ids([0, 1])
        assert collector.requests[-1].ids == ids([1])


def test_a_collector_that_is_too_slow(collector: Collector) -> None:
    """Has the timeout and no more; then it gets the same again."""
    over = threading.Event()
    collector.answers = [hang(over)]
    channel = by_hand(collector, query="timeout=0.2")
    channel.put(ended())
    channel.step()
    assert channel.pending == 1
    over.set()
    while channel.pending:  # On a busy machine the next one may be too slow as well.
        channel.hurry()
        channel.step()
    assert (channel.sent, channel.dropped) == (1, 0)


def test_errors_are_of_delivery(collector: Collector) -> None:
    """What the worker does with them depends on their class."""
    channel = by_hand(collector)
    collector.answers = [Answer(503), Answer(400)]
    spans = [ended()]
    with pytest.raises(Later):
        channel._deliver(spans)
    with pytest.raises(Refused):
        channel._deliver(spans)
    assert channel._deliver(spans) == 0


def test_no_log_line_of_ours_goes_through_spans(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    """At the level of errors a failing destination says nothing."""
    collector.usual = Answer(400)
    channel = by_hand(collector)
    with caplog.at_level(logging.ERROR, "midwatch"):
        channel.put(ended())
        channel.step()
    assert not caplog.records
