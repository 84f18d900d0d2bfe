"""The sections of the service and of two of the six (see also `tracing`, `logs`, `errors`, `audit`)."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec

from ..proxies import LOCAL
from ..service import Service
from . import kinds
from .addresses import networks
from .kinds import list_of, one_of
from .named import check
from .section import Section, Setting, sections_by_name

__all__ = ["CheckSettings", "HealthSettings", "MetricSettings", "ServiceSettings"]


class ServiceSettings(Section, frozen=True, kw_only=True):
    """What the service is called, in everything that is sent from it."""

    name: Annotated[
        str, Setting(kinds.text, "Name under which spans, lines, errors and events are found again.", "orders")
    ] = "unknown_service"
    version: Annotated[
        str | None, Setting(kinds.text, "Version that runs; tells a deploy apart from the one before.", "1.4.2")
    ] = None
    environment: Annotated[
        str | None, Setting(kinds.text, "Where it runs; keeps staging out of production's figures.", "production")
    ] = None

    def known(self) -> Service:
        """These names, completed by the resource attributes in `OTEL_RESOURCE_ATTRIBUTES`."""
        return Service.known(self.name, self.version, self.environment)


class MetricSettings(Section, frozen=True, kw_only=True):
    """Request counts and latencies for each route, and figures of the process, for Prometheus."""

    path: Annotated[
        str | None,
        Setting(
            kinds.path_or_off,
            "Where the figures are served. False for nowhere: the application exposes the registry itself.",
            "/internal/metrics",
        ),
    ] = "/metrics"
    allow: Annotated[
        tuple[str, ...],
        Setting(
            networks,
            "Direct peers that may read them. By default loopback and private networks; a request that carries a"
            " forwarding header never may.",
            ["10.0.0.0/8"],
        ),
    ] = LOCAL
    buckets: Annotated[
        tuple[float, ...],
        Setting(
            kinds.buckets,
            "Upper bounds of the latency histogram, in seconds. Put one at your objective: quantiles are exact only"
            " at a bound.",
            [0.01, 0.05, 0.1, 0.3, 1.0, 3.0],
        ),
    ] = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
    max_series: Annotated[
        int,
        Setting(
            kinds.count,
            "Most combinations of method, route and status that are kept apart; what comes after them counts"
            " under the route `overflow`. Bounds memory against strangers.",
            500,
        ),
    ] = 2000


class CheckSettings(Section, frozen=True, kw_only=True):
    """One health check. A bare `"module:callable"` or callable is a check with only `call`."""

    call: Annotated[
        Callable[..., Any],
        Setting(
            check,
            "Called without arguments, async or not. It passes by returning None or True, and fails by raising"
            " or by returning False.",
            "orders.health:database",
        ),
    ]
    groups: Annotated[
        tuple[str, ...],
        Setting(
            list_of(one_of("live", "ready", "startup"), '"live", "ready" or "startup"'),
            "What fails with it. Not `live` for what a restart does not cure, such as a database.",
            ["ready", "startup"],
        ),
    ] = ("ready",)
    timeout: Annotated[
        float | None, Setting(kinds.seconds, "Seconds after which it has failed; `health.timeout` unless set.", 0.5)
    ] = None


class HealthSettings(Section, frozen=True, kw_only=True):
    """State for the orchestrator, the load balancer and the service registry."""

    path: Annotated[
        str,
        Setting(
            kinds.path, "Where state is served; `/live`, `/ready` and `/startup` are below it.", "/internal/health"
        ),
    ] = "/health"
    checks: Annotated[
        Mapping[str, CheckSettings],
        Setting(
            sections_by_name(CheckSettings, check, "call"),
            "What has to work for the service to work, by name.",
            {
                "database": "orders.health:database",
                "stock": {"call": "orders.health:stock", "groups": ["ready", "startup"], "timeout": 0.5},
            },
        ),
    ] = msgspec.field(default_factory=dict)
    allow: Annotated[
        tuple[str, ...],
        Setting(
            networks,
            "Direct peers that are told details; others get states only. By default loopback and private networks;"
            " a request that carries a forwarding header never is.",
            ["10.0.0.0/8"],
        ),
    ] = LOCAL
    timeout: Annotated[
        float,
        Setting(
            kinds.seconds,
            "Seconds after which a check has failed. A Kubernetes probe waits 1 s by default: stay below its"
            " `timeoutSeconds`.",
            0.8,
        ),
    ] = 2.0
