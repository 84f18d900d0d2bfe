"""
`HealthCheck`: `/health` for orchestrators, load balancers and people.

- `/health` asks all checks, `/health/live`, `/health/ready` and `/health/startup` those of the group
- answered before the application, whatever the host and the protocol version; GET, HEAD and OPTIONS get the same status
- 200 for pass and warn, 503 for fail, as `application/health+json` or as one word of text
- names, figures and reasons for direct peers inside `allow`; the status alone for everybody else
"""

from __future__ import annotations

from concurrent.futures import Future
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, final

from ..answers import Hold, Reply
from ..plugin import Plugin
from ..proxies import LOCAL, Networks
from ..service import Service
from .accept import prefers_text
from .checks import GROUPS, load, seconds
from .probe import Probe
from .report import METHODS, Report, View, identity, not_allowed, reply
from .result import Status
from .run import Group

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ..exchange import Exchange
    from .checks import CheckLike

__all__ = ["HealthCheck"]

GRACE = 1.0
"""Seconds that a run may take longer than its slowest check."""


class _Endpoint(NamedTuple):
    route: str
    group: Group


@final
class HealthCheck(Plugin):
    """
    The health of the service, over HTTP.

    Args:
        path: Of the whole; the groups are below it.
        checks: What to ask, by name: a callable, `"module:callable"` or a `Check`. A callable belongs to `ready`.
        allow: Networks whose direct requests see details.
        service: Named in the details.
        timeout: Seconds after which a check fails, unless it has a time of its own.
        clock: Seconds; only differences count.

    Raises:
        ValueError: a setting that cannot work; the message names its path.
    """

    def __init__(
        self,
        *,
        path: str = "/health",
        checks: Mapping[str, CheckLike] | None = None,
        allow: Iterable[str] = LOCAL,
        service: Service | None = None,
        timeout: float = 2.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        seconds("health.timeout", timeout)
        probes = [Probe(name, load(name, given, timeout), clock) for name, given in (checks or {}).items()]
        self._endpoints = _endpoints(path, probes)
        self._allow = _networks(allow)
        self._identity = identity(service or Service.known())

    def on_request(self, exchange: Exchange) -> Reply | Hold | None:
        """Answer for our paths."""
        endpoint = self._endpoints.get(exchange.app_path)
        if endpoint is None or exchange.kind != "http":
            return None
        exchange.route = exchange.path.removesuffix(exchange.app_path) + endpoint.route
        exchange.probe = True
        if exchange.method not in METHODS:
            return not_allowed()
        view = self._view(exchange)
        group = endpoint.group
        if not group.probes:
            return reply(Report(Status.PASS), view)
        run = group.report(exchange.loop)
        return Hold(_viewed(run, view), group.timeout + GRACE, reply(Report(Status.FAIL), view))

    def _view(self, exchange: Exchange) -> View:
        peer = None if exchange.peer is None else exchange.peer[0]
        details = peer in self._allow and exchange.direct
        accept = exchange.header("accept")
        text = accept is not None and prefers_text(accept)
        return View(self._identity if details else None, text, exchange.method == "OPTIONS")


def _endpoints(path: str, probes: list[Probe]) -> dict[str, _Endpoint]:
    """What to answer, by path: all probes at *path* itself, each group below it."""
    if not path.startswith("/") or not path.isprintable() or set(path) & set("?# "):
        raise ValueError(f"health.path: {path!r} is not a path such as '/health'")
    base = path.rstrip("/")
    endpoints = {base or "/": _Endpoint(base or "/", Group(probes))}
    for name in GROUPS:
        group = Group(probe for probe in probes if name in probe.groups)
        endpoints[f"{base}/{name}"] = _Endpoint(f"{base}/{name}", group)
    return {path.rstrip("/") + end: endpoint for path, endpoint in endpoints.items() for end in ("", "/")}


def _networks(allow: Iterable[str]) -> Networks:
    if isinstance(allow, str):
        raise ValueError(f"health.allow: a list is needed, as in [{allow!r}]")  # noqa: TRY004
    try:
        return Networks(allow)
    except ValueError as error:
        raise ValueError(f"health.allow: {error}") from error


def _viewed(run: Future[Report], view: View) -> Future[Reply]:
    """The reply that the *run* will come to."""
    answer: Future[Reply] = Future()
    answer.set_running_or_notify_cancel()

    def settle(run: Future[Report]) -> None:
        try:
            answer.set_result(reply(run.result(), view))
        except Exception as error:
            answer.set_exception(error)

    run.add_done_callback(settle)
    return answer
