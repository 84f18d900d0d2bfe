"""Alerts that any service of ours should have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .promql import error_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .promql import Names

__all__ = ["general"]


class _Alert(NamedTuple):
    """
    One alert.

    Attributes:
        name: Behind `Midwatch`.
        expr: `{JOB}` is where the job is chosen.
        wait: How long it must last; empty for once.
        severity: As of `rules.Burn`.
        summary: What it means, and what to look at.
        part: The one of the six that shows its figures; empty for what is always shown.
    """

    name: str
    expr: str
    wait: str
    severity: str
    summary: str
    part: str = ""


ALERTS: Final = (
    _Alert("TargetDown", "up{JOB} == 0", "5m", "page", "{{ $labels.instance }} cannot be scraped."),
    _Alert(
        "Saturated",
        "avg by (job) (http_server_saturation_ratio{JOB}) > 0.9",
        "10m",
        "page",
        "{{ $labels.job }} is {{ $value | humanizePercentage }} saturated: requests wait. More replicas?",
    ),
    _Alert(
        "RequestsQueue",
        "histogram_quantile(0.95, sum by (job, le) (rate(http_server_queue_time_seconds_bucket{JOB}[5m]))) > 1",
        "10m",
        "ticket",
        "Requests to {{ $labels.job }} wait {{ $value | humanizeDuration }} before a worker takes them.",
    ),
    _Alert(
        "EventLoopBlocked",
        "histogram_quantile(0.99, sum by (instance, le) (rate(event_loop_lag_seconds_bucket{JOB}[5m]))) > 0.25",
        "10m",
        "ticket",
        "{{ $labels.instance }} blocks its event loop for {{ $value | humanizeDuration }}; its log names the code.",
    ),
    _Alert(
        "FilesRunOut",
        "process_open_fds{JOB} / process_max_fds > 0.8",
        "10m",
        "ticket",
        "{{ $labels.instance }} has {{ $value | humanizePercentage }} of its file descriptors open.",
    ),
    _Alert(
        "DeliveryDrops",
        "sum by (job, channel) (increase(midwatch_delivery_dropped_total{JOB}[10m])) > 0",
        "",
        "ticket",
        "{{ $value | humanize }} items for {{ $labels.channel }} of {{ $labels.job }} were lost.",
    ),
    _Alert(
        "LabelsRefused",
        "sum by (job, family) (increase(midwatch_series_refused_total{JOB}[1h])) > 0",
        "",
        "ticket",
        "{{ $labels.family }} of {{ $labels.job }} has too many series: the rest counts as overflow.",
    ),
    _Alert(
        "PluginErrors",
        "sum by (job, moment) (increase(midwatch_plugin_errors_total{JOB}[1h])) > 0",
        "",
        "ticket",
        "A plugin of {{ $labels.job }} raised in {{ $labels.moment }}; its log has the traceback.",
    ),
    _Alert(
        "HealthFails",
        "min by (job, instance, check) (health_check_status{JOB}) == 0",
        "5m",
        "ticket",
        "The check {{ $labels.check }} of {{ $labels.instance }} fails.",
        "health",
    ),
    _Alert(
        "AuditStoreFails",
        "max by (job) (midwatch_audit_store_failing_seconds{JOB}) > 60",
        "",
        "page",
        "The audit store of {{ $labels.job }} has failed for {{ $value | humanizeDuration }}.",
        "audit",
    ),
    _Alert(
        "AuditEventsLost",
        "sum by (job, class) (increase(midwatch_audit_dropped_total{JOB}[10m])) > 0",
        "",
        "page",
        "{{ $value | humanize }} audit events of {{ $labels.job }} were lost.",
        "audit",
    ),
    _Alert(
        "AuditShrank",
        "max by (job) (midwatch_audit_shrunk_streams{JOB}) > 0",
        "",
        "page",
        "The audit trail of {{ $labels.job }} has lost events that a checkpoint vouches for.",
        "audit",
    ),
)


def general(names: Names, chosen: str, besides: Sequence[str], *, audit: bool, health: bool) -> list[dict[str, Any]]:
    """
    The alerts of one service.

    Args:
        names: What its figures are called.
        chosen: A matcher of its job; empty for all.
        besides: Routes of probes: a service that says it is not ready answers well.
        audit, health: Whether it has these.
    """
    without = {part for part, on in (("audit", audit), ("health", health)) if not on}
    errors = _Alert(
        "Errors",
        f"{error_ratio(names, '5m', chosen, besides)} > 0.05",
        "10m",
        "page",
        "{{ $value | humanizePercentage }} of the requests to {{ $labels.job }} end with an error.",
    )
    where = f"{{{chosen}}}" if chosen else ""
    others = [alert._replace(expr=alert.expr.replace("{JOB}", where)) for alert in ALERTS if alert.part not in without]
    return [_rule(alert) for alert in (errors, *others)]


def _rule(alert: _Alert) -> dict[str, Any]:
    return {
        "alert": f"Midwatch{alert.name}",
        "expr": alert.expr,
        **({"for": alert.wait} if alert.wait else {}),
        "labels": {"severity": alert.severity},
        "annotations": {"summary": alert.summary},
    }
