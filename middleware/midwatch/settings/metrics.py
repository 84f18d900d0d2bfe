"""The section `metrics`. What is said of a setting is said here, once."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec

from ..proxies import LOCAL
from . import kinds, scale
from .addresses import networks
from .kinds import list_of, one_of
from .patterns import route
from .section import Section, Setting, section, sections_by_name

__all__ = ["MetricSettings", "ObjectiveSettings", "ShedSettings"]


class ShedSettings(Section, frozen=True, kw_only=True):
    """Requests that are refused (503, `Retry-After`) while the service is saturated, so that others are served."""

    match: Annotated[
        tuple[str, ...],
        Setting(
            list_of(route, 'routes such as "GET /search" or "/reports/*"'),
            "Routes that may be refused, the least important ones.",
            ["GET /search", "/reports/*"],
        ),
    ]
    above: Annotated[
        float,
        Setting(scale.percent, "Saturation in percent from which some are refused; at 100 all of them are.", 85),
    ] = 90.0
    retry_after: Annotated[
        float, Setting(kinds.seconds, "Seconds after which a client may come again; varied by half of it.", 10)
    ] = 5.0


class ObjectiveSettings(Section, frozen=True, kw_only=True):
    """What share of which requests should be answered well, and how fast: a service level objective."""

    match: Annotated[
        tuple[str, ...],
        Setting(
            list_of(route, 'routes such as "GET /orders/{id}" or "/orders/*"'),
            "The routes it is about; without any, all of them.",
            ["GET /orders/{id}", "POST /orders"],
        ),
    ] = ()
    within: Annotated[
        float | None,
        Setting(
            kinds.seconds,
            "Seconds within which a request is answered well; one of `metrics.buckets`. Without it, whatever is no"
            " server error is.",
            0.1,
        ),
    ] = None
    target: Annotated[float, Setting(scale.target, "Share of them that should be, above 0 and below 1.", 0.999)] = 0.99


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
    listen: Annotated[
        str | None,
        Setting(
            scale.listen, "Address and port where they are served as well, apart from the application.", "0.0.0.0:9464"
        ),
    ] = None
    allow: Annotated[
        tuple[str, ...],
        Setting(
            networks,
            "Direct peers that may read them. By default loopback and private networks; a request that carries a"
            " forwarding header never may.",
            ["10.0.0.0/8"],
        ),
    ] = LOCAL
    directory: Annotated[
        str | None,
        Setting(
            scale.directory,
            "Where the workers of one service share their figures, so that each answers for all. `auto` is a private"
            " directory in memory for the workers of one server; False keeps each worker to itself. Below one of"
            " yours each service has one by its name. Not on NFS.",
            "/run/orders/metrics",
        ),
    ] = "auto"
    names: Annotated[
        str,
        Setting(
            one_of("otel", "classic"),
            "Names of the request figures: `otel` follows the semantic conventions, `classic` is what dashboards for"
            " prometheus-fastapi-instrumentator expect.",
            "classic",
        ),
    ] = "otel"
    labels: Annotated[
        Mapping[str, Callable[[Any], object]],
        Setting(
            scale.labels,
            "Labels of your own for the request figures: functions that are called with the exchange at its end. Few"
            " different values: each is another series.",
            {"tenant": "orders.watch:tenant"},
        ),
    ] = msgspec.field(default_factory=dict)
    buckets: Annotated[
        tuple[float, ...],
        Setting(
            kinds.buckets,
            "Upper bounds of the latency histogram, in seconds. Put one at your objective: quantiles are exact only"
            " at a bound.",
            [0.01, 0.05, 0.1, 0.25, 1.0, 3.0],
        ),
    ] = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
    max_series: Annotated[
        int,
        Setting(
            kinds.count,
            "Most combinations of labels of one family that are kept apart; what comes after them counts as"
            " `overflow`. Bounds memory against strangers.",
            500,
        ),
    ] = 2000
    capacity: Annotated[
        int | None,
        Setting(
            kinds.count,
            "Requests that one process serves well at once; what utilization and saturation are measured by. Unless"
            " set, the threads of its server, and 100 on an event loop.",
            40,
        ),
    ] = None
    lag: Annotated[
        float | None,
        Setting(
            scale.seconds_or_off,
            "Seconds after which code that blocks the event loop is named in the log, with its request. False for"
            " never.",
            0.1,
        ),
    ] = 0.25
    shed: Annotated[ShedSettings | None, Setting(section(ShedSettings))] = None
    objectives: Annotated[
        Mapping[str, ObjectiveSettings],
        Setting(
            sections_by_name(ObjectiveSettings, scale.target, "target"),
            "Service level objectives by name, shown at `/health` with how fast their error budgets burn; `midwatch"
            " rules` makes alerts of them.",
            {"orders": {"match": ["GET /orders/{id}", "POST /orders"], "within": 0.1, "target": 0.999}},
        ),
    ] = msgspec.field(default_factory=dict)
