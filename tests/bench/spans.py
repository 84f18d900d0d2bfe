"""What one span costs: to make in an instrumented library, and to encode and send; ours next to the SDK's."""

from __future__ import annotations

import gc
import subprocess
from math import inf
from time import process_time
from typing import TYPE_CHECKING, Any, Final

import msgspec
from opentelemetry.trace import SpanKind

from .processes import Broken, command
from .receiver import receiver

if TYPE_CHECKING:
    from collections.abc import Callable

    import opentelemetry.trace as otel

__all__ = ["SpanCost", "main", "measure_spans", "span_lines"]

SPANS: Final = 5_120
BATCH: Final = 512
QUERY: Final[dict[str, str | int]] = {
    "db.system": "sqlite",
    "db.name": "orders.db",
    "db.statement": "SELECT id, state FROM orders WHERE id = ?",
    "net.peer.name": "db",
    "net.peer.port": 5432,
}
"""What an instrumentation of a database says."""

SERVER: Final[dict[str, str | int | float]] = {
    "http.request.method": "GET", "url.scheme": "https", "url.path": "/items/17", "http.route": "/items/{key}",
    "http.response.status_code": 200, "http.response.body.size": 27, "network.protocol.version": "1.1",
    "client.address": "192.0.2.7", "network.peer.address": "192.0.2.7", "network.peer.port": 50412,
    "server.address": "shop.example", "server.port": 443, "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64)",
    "midwatch.outcome": "ok", "midwatch.time_to_first_byte": 0.00042,
}  # fmt: skip
"""What a server span says."""


class SpanCost(msgspec.Struct):
    """
    Microseconds of CPU, all threads together.

    Attributes:
        made: A span of an instrumented library below a server span, started, filled and ended.
        sent: A server span, encoded and sent to a collector, in batches of 512.
    """

    made: float
    sent: float


def measure_spans(rounds: int, times: int) -> tuple[SpanCost, SpanCost | None, str]:
    """
    Ours, the SDK's, and why the latter is missing; the best of *rounds* processes, each of which measures *times*.

    Raises:
        Broken: a process failed.
    """
    best: dict[str, SpanCost] = {}
    reason = ""
    for _ in range(rounds):
        for whose in ("midwatch", "sdk"):
            with receiver() as collector:
                arguments = ("spans", whose, str(collector.port), str(times))
                done = subprocess.run(command(*arguments), stdout=subprocess.PIPE, check=False)
            if done.returncode == 3:
                reason = done.stdout.decode().strip()
                continue
            if done.returncode != 0:
                raise Broken(f"spans: ended with {done.returncode}; its words are above")
            cost = msgspec.json.decode(done.stdout, type=SpanCost)
            known = best.setdefault(whose, SpanCost(inf, inf))
            known.made, known.sent = min(known.made, cost.made), min(known.sent, cost.sent)
            if whose == "midwatch" and collector.taken.spans % SPANS:
                raise Broken(f"spans: the collector took {collector.taken.spans} spans")
    return best["midwatch"], best.get("sdk"), reason


def main(whose: str, port: int, times: int) -> int:
    """Measure one of them; print the figures as JSON."""
    try:
        made, sent = (_ours if whose == "midwatch" else _sdks)(port, times)
    except ImportError as error:
        print(f"{error} (extra `bench`)")
        return 3
    print(msgspec.json.encode(SpanCost(made, sent)).decode())
    return 0


def _ours(port: int, times: int) -> tuple[float, float]:
    from midwatch import Tracing, flush
    from midwatch.tracing import TracerProvider
    from midwatch.tracing.export import exporter

    Tracing(to=[lambda span: None])
    made = _made(TracerProvider().get_tracer("opentelemetry.instrumentation.sqlalchemy", "0.66b1"), times)
    finished: list[Any] = []
    Tracing(to=[finished.append])
    _finish(TracerProvider().get_tracer("midwatch"))
    export = exporter([f"otlp://127.0.0.1:{port}?batch={BATCH}"], None)
    assert export is not None

    def send() -> None:
        for span in finished:
            export(span)
        flush(30)

    return made, _per_span(send, times)


def _sdks(port: int, times: int) -> tuple[float, float]:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

    provider = TracerProvider()
    provider.add_span_processor(SpanProcessor())
    made = _made(provider.get_tracer("opentelemetry.instrumentation.sqlalchemy", "0.66b1"), times)
    finished: list[Any] = []

    class Keep(SpanProcessor):  # type: ignore[misc]
        def on_end(self, span: Any) -> None:
            finished.append(span)

    keeping = TracerProvider()
    keeping.add_span_processor(Keep())
    _finish(keeping.get_tracer("midwatch"))
    exporter = OTLPSpanExporter(endpoint=f"http://127.0.0.1:{port}/v1/traces")

    def send() -> None:
        for start in range(0, len(finished), BATCH):
            exporter.export(finished[start : start + BATCH])

    return made, _per_span(send, times)


def _made(tracer: otel.Tracer, times: int) -> float:
    """A library's span: it looks whether anybody listens, and says what it does."""

    def make() -> None:
        with tracer.start_as_current_span("request", kind=SpanKind.SERVER):
            for _ in range(SPANS):
                with tracer.start_as_current_span("SELECT orders.db", kind=SpanKind.CLIENT) as span:
                    if span.is_recording():
                        for key, value in QUERY.items():
                            span.set_attribute(key, value)

    return _per_span(make, times)


def _finish(tracer: otel.Tracer) -> None:
    for number in range(SPANS):
        span = tracer.start_span("GET /items/{key}", kind=SpanKind.SERVER)
        span.set_attributes({**SERVER, "url.path": f"/items/{number}", "network.peer.port": 32_768 + number})
        span.end()


def _per_span(work: Callable[[], object], times: int) -> float:
    best = inf
    for _ in range(times):
        gc.collect()
        started = process_time()
        work()
        best = min(best, process_time() - started)
    return best / SPANS * 1e6


def span_lines(ours: SpanCost, sdk: SpanCost | None) -> list[str]:
    """For a person."""
    rows = [("", "midwatch", "SDK", "ratio")]
    for title, one, other in (
        ("made by an instrumented library", ours.made, sdk and sdk.made),
        ("encoded and sent, OTLP", ours.sent, sdk and sdk.sent),
    ):
        rows.append((title, f"{one:.1f}", f"{other:.1f}" if other else "-", f"1/{other / one:.1f}" if other else "-"))
    return ["A span, microseconds of CPU", "", *(f"{a:33}{b:>9}{c:>8}{d:>8}" for a, b, c, d in rows)]
