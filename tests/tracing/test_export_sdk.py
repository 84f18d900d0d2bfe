"""Exporters of OpenTelemetry's SDK, the real ones: our spans are theirs to read."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from midwatch import Tracing, flush
from midwatch.delivery import channel as delivery
from midwatch.plugin import failures
from midwatch.testing import ScriptedApp
from midwatch.tracing.details import Scope
from midwatch.tracing.export import exporter, sdk
from midwatch.tracing.export.body import Bodies
from midwatch.tracing.export.otlp import OTLP
from midwatch.tracing.export.sdk import SDKExporter

from .export_double import LONG, PARENT_ID, SERVICE, START, TRACE_ID, Collector, collecting, ended, made

if TYPE_CHECKING:
    from midwatch.tracing import Span
    from midwatch.tracing.export import Export

SUPPRESSED = context._SUPPRESS_INSTRUMENTATION_KEY


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "0")


def whole(export: Any = lambda span: None) -> Span:
    """A span with something of everything."""
    span = made(kind=SpanKind.SERVER, parent=PARENT_ID, scope=Scope("lib", "2", "https://schema", (("a", 1),)))
    span.export = export
    span.remote, span.trace_state = True, "a=1"
    span.set_attribute("http.route", "/")
    span.set_attribute("list", ["a", "b"])
    span.add_event("e", {"k": 1.5}, START + 1)
    span.add_link(made(7).get_span_context(), {"l": True})
    span.set_status(StatusCode.ERROR, "why")
    span.end(START + 5)
    return span


def exporting(target: Any) -> Export:
    export = exporter([target], SERVICE)
    assert export is not None
    return export


class Fake(SpanExporter):  # type: ignore[misc]  # untyped for this project
    """An exporter that does as it is told, and notes what it was asked."""

    def __init__(self) -> None:
        self.batches: list[Sequence[ReadableSpan]] = []
        self.calls: list[Any] = []
        self.result: Any = SpanExportResult.SUCCESS

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        assert context.get_value(SUPPRESSED)
        self.batches.append(spans)
        if isinstance(self.result, Exception):
            raise self.result
        result: SpanExportResult = self.result
        return result

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        self.calls.append(timeout_millis)
        return True

    def shutdown(self) -> None:
        self.calls.append("shutdown")


# The real ones


def test_otlp_over_protobuf(collector: Collector) -> None:
    """Each field arrives where the protocol has it."""
    export = exporting(OTLPSpanExporter(f"http://{collector.at}/v1/traces"))
    whole(export)
    assert flush(LONG)
    (request,) = collector.requests
    assert request.headers["content-type"] == "application/x-protobuf"
    (told,) = ExportTraceServiceRequest.FromString(request.text).resource_spans
    attributes = {pair.key: pair.value.string_value for pair in told.resource.attributes}
    assert (attributes["service.name"], attributes["telemetry.sdk.name"]) == ("shop", "midwatch")
    (scoped,) = told.scope_spans
    assert (scoped.scope.name, scoped.scope.version, scoped.schema_url) == ("lib", "2", "https://schema")
    (span,) = scoped.spans
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.trace_state) == (TRACE_ID, PARENT_ID, "a=1")
    assert (span.name, span.kind, span.start_time_unix_nano, span.end_time_unix_nano) == ("GET /", 2, START, START + 5)
    assert {pair.key for pair in span.attributes} == {"http.route", "list"}
    assert [(event.name, event.time_unix_nano) for event in span.events] == [("e", START + 1)]
    assert [link.trace_id.hex() for link in span.links] == [TRACE_ID]
    assert (span.status.code, span.status.message, span.flags & 0x300) == (2, "why", 0x300)
    export.close(LONG)


def test_the_console() -> None:
    """With the very keys that a span of the SDK has."""
    out = io.StringIO()
    span = whole(exporting(ConsoleSpanExporter(out=out)))
    assert flush(LONG)
    told = json.loads(out.getvalue())
    theirs = json.loads(
        ReadableSpan(
            span.name,
            span.context,
            span.parent,
            attributes=dict(span.attributes),
            kind=span.kind,
            start_time=span.start_time,
            end_time=span.end_time,
            status=span.status,
        ).to_json()
    )
    assert list(told) == list(theirs)
    assert {**told, "events": [], "links": [], "resource": theirs["resource"]} == theirs
    assert told["resource"]["attributes"]["service.name"] == "shop"
    assert told["events"] == [{"name": "e", "timestamp": "2023-11-14T22:13:20.000000Z", "attributes": {"k": 1.5}}]
    assert told["links"][0]["attributes"] == {"l": True}


def test_a_span_as_json_never_fails() -> None:
    span = made()
    span.attributes["k"] = object()  # type: ignore[assignment]
    span.start_time = 2**80
    told = json.loads(span.to_json(indent=None))
    assert told["start_time"] is None
    assert told["attributes"]["k"].startswith("<object object")
    assert "\n" not in span.to_json(indent=None)


def test_the_memory_of_the_sdk(door: Any) -> None:
    """Any request; the service is the resource."""
    memory = InMemorySpanExporter()
    app = door.watch(ScriptedApp(), Tracing(to=[memory], service=SERVICE))
    door.call(app, path="/orders")
    assert flush(LONG)
    (span,) = memory.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes["url.path"] == "/orders"
    assert span.resource.attributes["service.name"] == "shop"


def test_an_exporter_is_not_traced(collector: Collector) -> None:
    """Its own calls would make spans, which it would have to export."""
    RequestsInstrumentor().instrument()
    try:
        exporting(OTLPSpanExporter(f"http://{collector.at}/v1/traces"))(ended())
        assert flush(LONG)
        assert "traceparent" not in collector.requests[0].headers
    finally:
        RequestsInstrumentor().uninstrument()


# Results


@pytest.mark.parametrize(
    ("result", "sent"),
    [
        (SpanExportResult.SUCCESS, 1), (None, 1), (0, 1),
        (SpanExportResult.FAILURE, 0), (1, 0), ("no", 0), (RuntimeError("no"), 0),
    ],
)  # fmt: skip
def test_a_result(result: Any, sent: int, caplog: pytest.LogCaptureFixture) -> None:
    """What fails is counted, told, and not handed in again: exporters retry by themselves."""
    fake = Fake()
    fake.result = result
    adapter = SDKExporter(fake, SERVICE)
    adapter.channel.put(ended())
    assert flush(LONG)
    assert len(fake.batches) == 1
    assert (adapter.channel.sent, adapter.channel.dropped) == (sent, 1 - sent)
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 1 - sent


def test_an_exporter_that_hangs_holds_up_nobody() -> None:
    """Every other destination goes on; what does not fit into the queue is counted."""
    hangs, over = threading.Event(), threading.Event()

    class Hanging(Fake):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            hangs.set()
            over.wait(LONG)
            return super().export(spans)

    other: list[Span] = []
    export = exporter([Hanging(), other.append], SERVICE)
    assert export is not None
    export(ended(0))
    assert hangs.wait(LONG)
    export(ended(1))
    assert len(other) == 2
    assert not flush(0.1)
    over.set()
    assert flush(LONG)


def test_bounds_come_from_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "5")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")
    fake = Fake()
    adapter = SDKExporter(fake, SERVICE)
    delivery.channels.discard(adapter.channel)
    for number in range(8):
        adapter.channel.put(ended(number))
    assert adapter.channel.dropped == 3
    adapter.close(LONG)
    assert [len(batch) for batch in fake.batches] == [5]


# The end


def test_the_end() -> None:
    """What is queued is delivered first; then the exporter is shut down, once."""
    fake = Fake()
    export = exporting(fake)
    export(ended())
    export.close(LONG)
    assert len(fake.batches) == 1
    milliseconds, last = fake.calls
    assert 0 < milliseconds <= LONG * 1000
    assert last == "shutdown"
    export.close(LONG)
    assert len(fake.calls) == 2


def test_what_comes_after_the_end(collector: Collector) -> None:
    """The exporter says no, and that is counted."""
    adapter = SDKExporter(OTLPSpanExporter(f"http://{collector.at}/v1/traces"), SERVICE)
    adapter.close(LONG)
    adapter.channel.put(ended())
    assert flush(LONG)
    assert (adapter.channel.sent, adapter.channel.dropped, len(collector.requests)) == (0, 1, 0)


@pytest.mark.parametrize("where", ["export", "force_flush", "shutdown"])
def test_the_end_is_in_time(where: str) -> None:
    """Whatever hangs; two that hang share what there is."""
    over, entered = threading.Event(), threading.Semaphore(0)

    class Hanging(Fake):
        def hang(self, *args: Any, **options: Any) -> Any:
            entered.release()
            over.wait(LONG)

    for name in ("export", "force_flush", "shutdown"):
        setattr(Hanging, name, Hanging.hang if name == where else getattr(Fake, name))
    Hanging.__abstractmethods__ = frozenset()
    fine = Fake()
    export = exporter([Hanging(), fine], SERVICE)
    assert export is not None
    export(ended())
    ending = threading.Thread(target=export.close, args=(0.4,))
    ending.start()
    ending.join(LONG / 2)
    assert not ending.is_alive(), "it waited for the one that hangs"
    assert entered.acquire(timeout=0)
    assert fine.calls[-1] == "shutdown"
    over.set()
    assert flush(LONG)


def test_libraries_with_attributes(collector: Collector) -> None:
    """Even of those that have no hash; other destinations read the same spans."""
    memory: list[Span] = []
    export = exporter([OTLPSpanExporter(f"http://{collector.at}/v1/traces"), memory.append], SERVICE)
    assert export is not None
    for number in range(2):
        span = ended(number, scope=Scope("lib", None, None, (("a", [1]),)))
        export(span)
    assert flush(LONG)
    (told,) = ExportTraceServiceRequest.FromString(collector.requests[0].text).resource_spans
    (scoped,) = told.scope_spans
    assert [pair.key for pair in scoped.scope.attributes] == ["a"]
    assert len(scoped.spans) == 2
    bodies = Bodies(OTLP(SERVICE))
    bodies.begin(memory)
    assert b'"scope":{"name":"lib","attributes":[{"key":"a",' in bytes(bodies.following() or b"")


@pytest.mark.parametrize("where", ["force_flush", "shutdown"])
def test_an_exporter_that_raises_at_the_end(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is shut down all the same, and nobody is told by a traceback."""
    traced: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", traced.append)

    class Raising(Fake):
        pass

    def fail(self: Fake, *args: Any) -> None:
        self.calls.append(where)
        raise RuntimeError("no")

    setattr(Raising, where, fail)
    raising = Raising()
    before = dict(failures)
    exporting(raising).close(LONG)
    assert raising.calls[-1] == "shutdown"
    assert not traced
    (name,) = failures.keys() - before.keys()
    assert failures.pop(name) == 1


def test_an_exporter_without_flush() -> None:
    """It needs no more than `export` and `shutdown`."""

    class Bare:
        def __init__(self) -> None:
            self.calls: list[Any] = []

        def export(self, spans: Any) -> None:
            self.calls.append(len(spans))

        def shutdown(self) -> None:
            self.calls.append("shutdown")

    bare = Bare()
    export = exporting(bare)
    export(ended())
    export.close(LONG)
    assert bare.calls == [1, "shutdown"]


def test_out_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is queued is delivered by who ends the process; what may hang is not called."""

    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    fake = Fake()
    export = exporting(fake)
    export(ended())
    export.close(LONG)
    assert len(fake.batches) == 1
    assert not fake.calls


# What is an exporter


@pytest.mark.parametrize("wrong", [InMemorySpanExporter, 5, None, object()])
def test_what_is_none(wrong: Any) -> None:
    with pytest.raises(ValueError, match="expected a function, or an exporter that has been made"):
        exporter([wrong], SERVICE)


def test_an_exporter_that_can_be_called_is_an_exporter() -> None:
    class Callable(Fake):
        def __call__(self, span: Any) -> None:
            raise AssertionError

    assert sdk.is_exporter(Callable())
    fake = Callable()
    exporting(fake)(ended())
    assert flush(LONG)
    assert len(fake.batches) == 1
