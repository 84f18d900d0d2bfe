"""The section `health`. What is said of a setting is said here, once."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import msgspec

from ..proxies import LOCAL
from . import kinds, scale
from .addresses import networks
from .kinds import list_of, one_of
from .patterns import route
from .section import Section, Setting, sections_by_name

__all__ = ["CheckSettings", "HealthSettings", "health_paths"]


class CheckSettings(Section, frozen=True, kw_only=True):
    """One health check. What is no dict is a check with only `call`."""

    call: Annotated[
        Callable[..., Any],
        Setting(
            scale.check,
            "Called without arguments, async or not. It passes by returning None or True, and fails by raising"
            " or by returning False. Or one of ours, by URL or name: see `docs/health.md`.",
            "orders.health:database",
        ),
    ]
    groups: Annotated[
        tuple[str, ...] | None,
        Setting(
            list_of(scale.group, '"live", "ready", "startup" or groups of your own'),
            "What fails with it; `ready` unless set. Not `live` for what a restart does not cure, such as a database.",
            ["ready", "startup"],
        ),
    ] = None
    timeout: Annotated[
        float | None, Setting(kinds.seconds, "Seconds after which it has failed; `health.timeout` unless set.", 0.5)
    ] = None
    interval: Annotated[
        float | None, Setting(kinds.seconds, "Seconds between two runs; `health.interval` unless set.", 30)
    ] = None
    max_age: Annotated[
        float | None,
        Setting(
            kinds.seconds,
            "Seconds after which what it last said counts for nothing any more; three times the interval unless set.",
            90,
        ),
    ] = None
    fail_after: Annotated[
        int | str,
        Setting(scale.limit, 'Runs in a row, or seconds ("30s"), that it has to fail until it has failed.', 3),
    ] = 1
    recover_after: Annotated[
        int | str, Setting(scale.limit, "The same for passing, until it has recovered.", "20s")
    ] = 1
    scope: Annotated[
        Literal["local", "shared", "external"] | None,
        Setting(
            one_of("local", "shared", "external"),
            "What it looks at: this process or machine; something that all instances share, such as a database; or"
            " somebody else's service. What is not local warns only, since taking all instances away helps nobody.",
            "shared",
        ),
    ] = None
    gate: Annotated[
        bool | Literal["force"] | None,
        Setting(
            scale.gate,
            "Whether its groups fail with it. Unless set, what is local does, and the rest only warns. `force` lets"
            " even `live` fail with what is not local.",
            True,
        ),
    ] = None
    affects: Annotated[
        tuple[str, ...],
        Setting(
            list_of(route, "routes"), "Routes that do not work without it; shown while it fails.", ["/orders/{id}"]
        ),
    ] = ()
    tags: Annotated[tuple[str, ...], Setting(list_of(kinds.text, "words"), "Words shown beside it.", ["storage"])] = ()


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
            sections_by_name(CheckSettings, scale.check, "call"),
            "What has to work for the service to work, by name.",
            {
                "database": "orders.health:database",
                "disk": "disk:/?warn=85",
                "stock": {
                    "call": "orders.health:stock",
                    "groups": ["ready", "startup"],
                    "timeout": 0.5,
                    "interval": 30,
                    "max_age": 90,
                    "fail_after": 3,
                    "recover_after": "20s",
                    "scope": "shared",
                    "gate": True,
                    "affects": ["POST /orders"],
                    "tags": ["storage"],
                },
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
        Setting(kinds.seconds, "Seconds after which a check has failed. Nobody who asks waits for it.", 0.8),
    ] = 2.0
    interval: Annotated[float, Setting(kinds.seconds, "Seconds between two runs of a check, varied by a tenth.", 5)] = (
        10.0
    )
    profile: Annotated[
        str,
        Setting(
            one_of("health+json", "k8s", "spring", "consul", "haproxy", "gcp"),
            "Whose habits answers follow: `k8s` is text, also at `/livez`, `/readyz` and `/startupz`; `spring` is the"
            " JSON of its Actuator; `consul` says 429 for a warning; `haproxy` 404 while draining. A client may also"
            " ask for one with `?format=`.",
            "k8s",
        ),
    ] = "health+json"
    drain: Annotated[
        float | None,
        Setting(
            scale.seconds_or_off,
            "Seconds between SIGTERM, where the server allows it, or `POST /health/drain`, and the end: readiness"
            " fails, and requests are still served, so that load balancers can turn away first. More than a probe"
            " takes to notice, less than the server's own grace.",
            10,
        ),
    ] = None
    drain_file: Annotated[
        str | None,
        Setting(scale.file, "A file that means the same while it is there.", "/run/orders/drain"),
    ] = None
    register: Annotated[
        tuple[str, ...],
        Setting(
            list_of(scale.registry, "service registries"),
            "Service registries that are told of the service, and that it leaves before it drains. A token is taken"
            " from the variable CONSUL_HTTP_TOKEN or from the URL.",
            ["consul://127.0.0.1:8500"],
        ),
    ] = ()
    address: Annotated[
        str | None,
        Setting(
            scale.address,
            "Where they find the service. Unless set, the address of this machine that faces the registry, and the"
            " port of the first request.",
            "http://10.0.0.5:8000",
        ),
    ] = None
    agent: Annotated[
        str | None,
        Setting(
            scale.listen,
            "Address and port where HAProxy's `agent-check` is told what share of the load to send.",
            "0.0.0.0:9777",
        ),
    ] = None


def health_paths(health: HealthSettings) -> list[str]:
    """Where health is served."""
    groups = {"live", "ready", "startup"}.union(*(check.groups or () for check in health.checks.values() if check))
    below = ["liveness", "readiness"] if health.profile == "spring" else []
    paths = [health.path, *(f"{health.path}/{name}" for name in (*sorted(groups), *below))]
    if health.drain is not None or health.drain_file is not None:
        paths.append(f"{health.path}/drain")
    return paths + (["/livez", "/readyz", "/startupz"] if health.profile == "k8s" else [])
