"""
Every setting, once: name, type, default, and what is said of it. `docs/settings.md` is made from this.

A section is None where it is switched off.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec

from ..plugin import Plugin
from ..proxies import LOCAL
from ..service import Service
from . import kinds
from .addresses import destination, networks
from .kinds import list_of, one_of
from .named import plugin, reference
from .section import Section, Setting, section, sections_by_name

__all__ = ["AuditSettings", "CheckSettings", "ErrorSettings", "HealthSettings", "LogSettings", "MetricSettings",
           "ServiceSettings", "Settings", "TraceSettings"]  # fmt: skip

Sink = Callable[[Any], object]


class ServiceSettings(Section, frozen=True, kw_only=True):
    """What the service is called, in everything that is sent from it."""

    name: Annotated[str, Setting(
        kinds.text, "Name under which spans, lines, errors and events are found again.", "orders")] = "unknown_service"  # fmt: skip
    version: Annotated[str | None, Setting(
        kinds.text, "Version that runs; tells a deploy apart from the one before.", "1.4.2")] = None  # fmt: skip
    environment: Annotated[str | None, Setting(
        kinds.text, "Where it runs; keeps staging out of production's figures.", "production")] = None  # fmt: skip

    def known(self) -> Service:
        """These names, completed by the resource attributes in `OTEL_RESOURCE_ATTRIBUTES`."""
        return Service.known(self.name, self.version, self.environment)


class TraceSettings(Section, frozen=True, kw_only=True):
    """Trace headers in and out, and one server span for each request."""

    to: Annotated[tuple[str | Sink, ...], Setting(
        list_of(destination("memory", call=True), '"memory", "file:///path" or callables'),
        "Where finished spans go. Without any, trace headers still pass on and lines still carry trace ids.",
        ["file:///var/log/orders/spans.jsonl"])] = ()  # fmt: skip
    request_id: Annotated[str | None, Setting(
        kinds.header, "Header of the request id, taken in when it is harmless and always sent back. False for neither.",
        "x-correlation-id")] = "x-request-id"  # fmt: skip


class LogSettings(Section, frozen=True, kw_only=True):
    """One JSON line for each request, and the trace id on every other line of the application."""

    to: Annotated[tuple[str, ...], Setting(
        list_of(destination("stdout", "stderr", call=False), '"stdout", "stderr" or "file:///path"'),
        "Where lines go.", ["stdout", "file:///var/log/orders/log.jsonl"])] = ("stdout",)  # fmt: skip
    fields: Annotated[str, Setting(
        one_of("otel"), "How fields are called: `otel` is OpenTelemetry's semantic conventions.", "otel")] = "otel"  # fmt: skip
    root: Annotated[bool | None, Setting(
        kinds.flag, "Whether the root logger gets our handler, so that the application's lines are JSON too. Unless it is set:"
        " only if the root logger has no handler of its own.", True)] = None  # fmt: skip
    level: Annotated[str, Setting(
        kinds.level, "Least level of a line, set on the root logger where it gets our handler.", "WARNING")] = "INFO"  # fmt: skip
    propagate: Annotated[bool, Setting(
        kinds.flag, "Whether request lines also reach the handlers of the root logger, and with them the application's own"
        " filters and tests.", False)] = True  # fmt: skip


class ErrorSettings(Section, frozen=True, kw_only=True):
    """Every unhandled exception once, with a fingerprint that groups it."""

    respond: Annotated[str, Setting(
        one_of("framework", "server"),
        "Who answers for an application that raised before it did. `framework`: its framework, else Midwatch with an"
        " RFC 9457 problem that carries the request id and no detail. `server`: never Midwatch; the exception goes to"
        " the server.", "server")] = "framework"  # fmt: skip


class MetricSettings(Section, frozen=True, kw_only=True):
    """Request counts and latencies for each route, and figures of the process, for Prometheus."""

    path: Annotated[str | None, Setting(
        kinds.path, "Where the figures are served. False for nowhere: the application exposes the registry itself.",
        "/internal/metrics")] = "/metrics"  # fmt: skip
    allow: Annotated[tuple[str, ...], Setting(
        networks, "Direct peers that may read them. By default loopback and private networks; a request that carries a"
        " forwarding header never may.", ["10.0.0.0/8"])] = LOCAL  # fmt: skip
    buckets: Annotated[tuple[float, ...], Setting(
        kinds.buckets, "Upper bounds of the latency histogram, in seconds. Put one at your objective: quantiles are exact only"
        " at a bound.", [0.01, 0.05, 0.1, 0.3, 1.0, 3.0])] = (
        0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)  # fmt: skip
    max_series: Annotated[int, Setting(
        kinds.count, "Most combinations of method, route and status that are kept apart; what comes after them counts as"
        " other. Bounds memory against strangers.", 500)] = 2000  # fmt: skip


class AuditSettings(Section, frozen=True, kw_only=True):
    """Who did what to which resource, with what outcome, as a chain of events that shows tampering."""

    to: Annotated[str | Sink, Setting(
        destination("log", call=True), "Where events go. `log`: lines of the logger `midwatch.audit`, among all others;"
        " a file keeps them apart and can be verified.", "file:///var/log/orders/audit.jsonl")] = "log"  # fmt: skip


class CheckSettings(Section, frozen=True, kw_only=True):
    """One health check. A bare `"module:callable"` or callable is a check with only `call`."""

    call: Annotated[Callable[..., Any], Setting(
        reference, "Called without arguments, async or not; what it raises is the reason of the failure.",
        "orders.health:database")]  # fmt: skip
    groups: Annotated[tuple[str, ...], Setting(
        list_of(one_of("live", "ready", "startup"), '"live", "ready" or "startup"'),
        "What fails with it. Not `live` for what a restart does not cure, such as a database.",
        ["ready", "startup"])] = ("ready",)  # fmt: skip
    timeout: Annotated[float | None, Setting(
        kinds.seconds, "Seconds after which it has failed; `health.timeout` unless set.", 0.5)] = None  # fmt: skip


class HealthSettings(Section, frozen=True, kw_only=True):
    """State for the orchestrator, the load balancer and the service registry."""

    path: Annotated[str | None, Setting(
        kinds.path, "Where state is served; `/live`, `/ready` and `/startup` are below it. False for nowhere.",
        "/internal/health")] = "/health"  # fmt: skip
    checks: Annotated[Mapping[str, CheckSettings], Setting(
        sections_by_name(CheckSettings, reference, "call"), "What has to work for the service to work, by name.",
        {"database": "orders.health:database"})] = msgspec.field(default_factory=dict)  # fmt: skip
    allow: Annotated[tuple[str, ...], Setting(
        networks, "Direct peers that are told details; others get states only. By default loopback and private networks;"
        " a request that carries a forwarding header never is.", ["10.0.0.0/8"])] = LOCAL  # fmt: skip
    timeout: Annotated[float, Setting(
        kinds.seconds, "Seconds that a check may take. Kubernetes waits 1 s for the whole answer by default.",
        0.5)] = 0.8  # fmt: skip


class Settings(Section, frozen=True, kw_only=True):
    """All settings, checked and typed; made by `load`."""

    service: Annotated[ServiceSettings, Setting(
        section(ServiceSettings, off=False), "Names of the service.")] = ServiceSettings()  # fmt: skip
    trusted_proxies: Annotated[tuple[str, ...], Setting(
        networks, "Networks of the proxies in front of the service. Only what they say of the client's address and of the"
        " scheme is believed.", ["10.0.0.0/8", "unix"])] = ()  # fmt: skip
    forwarded_header: Annotated[str, Setting(
        one_of("x-forwarded-for", "forwarded"), "The header that the trusted proxies write; the other one is ignored,"
        " since a client could send it.", "forwarded")] = "x-forwarded-for"  # fmt: skip
    trace: Annotated[TraceSettings | None, Setting(section(TraceSettings), "Tracing.")] = TraceSettings()
    log: Annotated[LogSettings | None, Setting(section(LogSettings), "Request lines.")] = LogSettings()
    errors: Annotated[ErrorSettings | None, Setting(section(ErrorSettings), "Error reports.")] = ErrorSettings()
    metrics: Annotated[MetricSettings | None, Setting(section(MetricSettings), "Metrics.")] = MetricSettings()
    audit: Annotated[AuditSettings | None, Setting(section(AuditSettings), "The audit trail.")] = AuditSettings()
    health: Annotated[HealthSettings | None, Setting(section(HealthSettings), "Health.")] = msgspec.field(
        default_factory=HealthSettings
    )
    plugins: Annotated[tuple[Plugin, ...], Setting(
        list_of(plugin, 'Plugin instances, "module:Class" or "module:instance"'),
        "Plugins of your own, after the six. A class is made without arguments.", ["orders.watch:SlowOrders"])] = ()  # fmt: skip
