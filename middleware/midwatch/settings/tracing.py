"""The section `trace`. What is said of a setting is said here, once."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from . import kinds, named, patterns
from .addresses import span_destination
from .kinds import list_of, one_of
from .section import Section, Setting, section

__all__ = ["SampleSettings", "TraceSettings"]

FORMATS = ("tracecontext", "baggage", "b3", "b3multi", "jaeger", "xray", "ottrace", "cloudtrace")
"""Spelled out, so that the settings do without importing them; a test compares."""

format_names = list_of(one_of(*FORMATS), ", ".join(f'"{name}"' for name in FORMATS))


class SampleSettings(Section, frozen=True, kw_only=True):
    """Which traces are kept. A caller that has decided is obeyed; this is for traces that begin here."""

    ratio: Annotated[
        float | None,
        Setting(
            kinds.share,
            "Share of traces to keep, the same ones in every service; told to those behind us as `th` in `tracestate`."
            " Unless it is set, all are.",
            0.1,
        ),
    ] = None
    routes: Annotated[
        Mapping[str, float],
        Setting(
            patterns.routes,
            "Shares by method and path template, before `ratio`; the first that matches. `*` is any path, and without"
            " a method any method.",
            {"POST /orders/{id}": 1.0, "/health*": 0},
        ),
    ] = {}
    per_second: Annotated[
        float | None, Setting(kinds.positive, "Most traces kept in a second, of those that would be.", 50)
    ] = None
    keep_errors: Annotated[
        bool,
        Setting(
            kinds.flag,
            "Keep our part of a request that failed, also where it was not sampled; marked `midwatch.kept`.",
            True,
        ),
    ] = False
    keep_slower_than: Annotated[
        float | None, Setting(kinds.seconds, "The same for a request that took longer, in seconds.", 1.0)
    ] = None
    parent: Annotated[
        bool, Setting(kinds.flag, "Whether a caller's decision is obeyed; False decides anew each time.", False)
    ] = True


class TraceSettings(Section, frozen=True, kw_only=True):
    """Trace headers in and out, one server span for each request, and spans of any OpenTelemetry library below it."""

    to: Annotated[
        tuple[str | Callable[[Any], object] | Any, ...],
        Setting(
            list_of(span_destination, 'URLs, "console", "memory", callables or SpanExporter objects'),
            "Where finished spans go: `otlp://host:4318` or `otlps://` (OTLP/HTTP), `zipkin://host:9411` or"
            " `zipkins://`, `file:///path` (OTLP JSON lines), `console` (a line each, on stderr), `memory` (read"
            " `midwatch.tracing.finished_spans`), a callable that takes a span, or an OpenTelemetry `SpanExporter`."
            " URLs take `?compression=gzip&timeout=10&queue=20000&batch=512&delay=0.5&header.NAME=value`, and `exact=1`"
            " where no `/v1/traces` is to follow the path. Without any,"
            " trace headers still pass on and lines still carry trace ids.",
            ["otlp://collector:4318", "zipkin://zipkin:9411"],
        ),
    ] = ()
    accept: Annotated[
        tuple[str, ...],
        Setting(
            format_names,
            "Formats in which callers may say what their trace is; the first that is valid counts.",
            ["tracecontext", "b3", "baggage"],
        ),
    ] = ("tracecontext", "baggage")
    send: Annotated[
        tuple[str, ...],
        Setting(format_names, "Formats in which services that we call are told; all of them.", ["tracecontext", "b3"]),
    ] = ("tracecontext", "baggage")
    trust: Annotated[
        str | Callable[[Any], object],
        Setting(
            named.trust,
            "Whose traces are continued: `always`, `proxies` (direct peers among `trusted_proxies`), `never`, or a"
            " callable that takes the exchange. For others a trace begins here, linked to theirs; their baggage and"
            " their sampling are dropped.",
            "proxies",
        ),
    ] = "always"
    sample: Annotated[SampleSettings, Setting(section(SampleSettings, off=False))] = SampleSettings()
    exclude: Annotated[
        tuple[str, ...],
        Setting(
            list_of(patterns.expression, "regular expressions"),
            "Requests in whose URL one of them is found have no span; they are still logged and counted.",
            ["/health", "/metrics$"],
        ),
    ] = ()
    propagate_to: Annotated[
        tuple[str, ...],
        Setting(
            list_of(patterns.hosts, 'hosts, ".example.org" for all below it, "*"'),
            "Hosts that get trace headers also when a call to another host was redirected there. A call itself always"
            " carries them.",
            [".example.org"],
        ),
    ] = ()
    request_headers: Annotated[
        tuple[str, ...],
        Setting(
            patterns.headers, "Request headers that the server span gets; secrets show as `[REDACTED]`.", ["x-tenant"]
        ),
    ] = ()
    response_headers: Annotated[
        tuple[str, ...], Setting(patterns.headers, "Response headers that the server span gets.", ["content-type"])
    ] = ()
    sanitize_headers: Annotated[
        tuple[str, ...],
        Setting(
            list_of(patterns.expression, "regular expressions"),
            "Headers in whose names one of them is found show as `[REDACTED]`, besides those whose names say that they"
            " are secret.",
            ["x-internal-.*"],
        ),
    ] = ()
    messages: Annotated[
        bool, Setting(kinds.flag, "Whether each message of a websocket is an event of its span.", True)
    ] = False
    operations: Annotated[
        bool,
        Setting(
            kinds.flag,
            "Whether FastAPI's own spans of dependencies, endpoints and serialization are wanted below the server"
            " span; each costs as much as ours.",
            True,
        ),
    ] = False
    global_: Annotated[
        bool,
        Setting(
            kinds.flag,
            "Whether to be OpenTelemetry's tracer provider and propagator, so that instrumented libraries are traced"
            " too. A provider that the application has set stays, and makes the server span.",
            False,
        ),
    ] = True
    request_id: Annotated[
        str | None,
        Setting(
            kinds.header_or_off,
            "Header of the request id, taken in when it is harmless and always sent back. False for neither.",
            "x-correlation-id",
        ),
    ] = "x-request-id"
