"""
`HealthCheck`: `/health` for orchestrators, load balancers and people.

- `/health` tells of all checks, `/health/live`, `/health/ready`, `/health/startup` and groups of your own of theirs,
  `/health/ready/NAME` of one; all of what was found last, since checks run in the background: no poller waits for one,
  but in the first half second of a process, for the first results
- answered before the application, whatever the host and the protocol version; GET, HEAD and OPTIONS get the same status
- 200 for pass and warn, 503 for fail, as `application/health+json` or as one word of text, or as `profile` and
  `?format=` want it; `?verbose` and `?exclude=NAME` as at the servers of Kubernetes
- names, figures and reasons for direct peers inside `allow`; the status alone for everybody else
"""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import Future
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, final

from ..answers import Hold, Reply
from ..nearest import suggested
from ..plugin import Plugin, hook_failed
from ..proxies import LOCAL, Networks
from ..service import Service
from .accept import prefers_text
from .asked import Asked, asked
from .checks import load, seconds
from .engine import Draining, Engine
from .group import WHOLE, Report
from .paths import endpoints
from .report import METHODS, PROFILES, View, identity, not_allowed, reply
from .result import Status, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ..exchange import Exchange
    from .checks import CheckLike
    from .paths import Endpoint

    Block = Callable[[], tuple[Status, Mapping[str, Any]]]

__all__ = ["HealthCheck"]

FRESH: Final = 1.0
"""Seconds for which a rendered answer serves all pollers, at most."""

GRACE: Final = 0.1
"""Seconds that the end of the wait for first results may be told late."""

KEPT: Final = 512
"""Rendered answers that are kept; paths and profiles make fewer."""


@final
class HealthCheck(Plugin):
    """
    The health of the service, over HTTP.

    Args:
        path: Of the whole; the groups are below it.
        checks: What to ask, by name: a callable, `"module:callable"`, a built-in check such as `"tcp://db:5432"`, or a
            `Check`. A callable belongs to `ready`.
        allow: Networks whose direct requests see details.
        service: Named in the details.
        timeout: Seconds after which a check fails, unless it has a time of its own.
        interval: Seconds from one run of a check to the next, unless it has one of its own.
        profile: What kind of prober asks: `health+json`, `k8s`, `spring`, `consul`, `haproxy` or `gcp`.
        drain: Says when the service is to be left alone: `ready` fails then.
        blocks: Further details of the whole, by name; one that warns makes the whole warn, and none makes it fail.
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
        interval: float = 10.0,
        profile: str = "health+json",
        drain: Draining | None = None,
        blocks: Mapping[str, Block] | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        seconds("health.timeout", timeout)
        seconds("health.interval", interval)
        if profile not in PROFILES:
            raise ValueError(f"health.profile: {profile!r} is unknown{suggested(profile, PROFILES)}")
        loaded = {name: load(name, given, timeout, interval) for name, given in (checks or {}).items()}
        self.engine = Engine(loaded, clock, drain)
        self._endpoints = endpoints(path, self.engine.groups, profile)
        self._allow = _networks(allow)
        self._identity = identity(service or Service.known())
        self._profile, self._blocks, self._clock = profile, dict(blocks or {}), clock
        self._rendered: dict[tuple[object, ...], tuple[int, bool, float, Reply]] = {}

    def on_serving(self) -> None:
        """Have the checks run in the background: not before the application has what they need."""
        with contextlib.suppress(RuntimeError):
            self.engine.adopt(asyncio.get_running_loop())
        self.engine.resume()

    def on_shutdown(self, deadline: float) -> None:
        """Run no more of them."""
        self.engine.stop()

    def let_go(self) -> None:
        """Run no more of them: nobody will ask."""
        self.engine.let_go()

    def on_request(self, exchange: Exchange) -> Reply | Hold | None:
        """Answer for our paths."""
        if self.engine.idle:
            self.engine.start()
        endpoint = self._endpoints.get(exchange.app_path)
        if endpoint is None or exchange.kind != "http":
            return None
        peer = None if exchange.peer is None else exchange.peer[0]
        near = peer in self._allow and exchange.direct
        if endpoint.near and not near:
            return None
        exchange.route = exchange.path.removesuffix(exchange.app_path) + endpoint.route
        exchange.probe = True
        if exchange.method not in METHODS:
            return not_allowed()
        self.engine.adopt(exchange.loop)
        self.engine.revive()
        query = asked(exchange.query)
        if query.format is not None and query.format not in PROFILES:
            return Reply(400, f"unknown format; known are {', '.join(PROFILES)}", headers={"Cache-Control": "no-store"})
        return self._told(endpoint, self._view(exchange, query, near=near), query.exclude if near else ())

    def _told(self, endpoint: Endpoint, view: View, exclude: tuple[str, ...]) -> Reply | Hold:
        """The answer; or the wait for it, where the first results are to come."""
        try:
            wait = self.engine.results(endpoint.group)
        except Exception:
            hook_failed(self.on_request)
            wait = None
        answer = self._safe_answer(endpoint, view, exclude)
        if wait is None:
            return answer
        later: Future[Reply] = Future()
        later.set_running_or_notify_cancel()
        wait.add_done_callback(lambda _: later.set_result(self._safe_answer(endpoint, view, exclude)))
        return Hold(later, self.engine.first.left + GRACE, answer)

    def _safe_answer(self, endpoint: Endpoint, view: View, exclude: tuple[str, ...]) -> Reply:
        try:
            return self._answer(endpoint, view, exclude)
        except Exception:
            hook_failed(self.on_request)
            return reply(Report(endpoint.group.name, Status.FAIL), view._replace(identity=None))

    def _view(self, exchange: Exchange, query: Asked, *, near: bool) -> View:
        accept = exchange.header("accept")
        text = accept is not None and prefers_text(accept)
        lines = query.verbose and query.format is None and not (accept is not None and "json" in accept.lower())
        return View(
            self._identity if near else None,
            text or lines,
            exchange.method == "OPTIONS",
            query.verbose,
            query.format or self._profile,
        )

    def _answer(self, endpoint: Endpoint, view: View, exclude: tuple[str, ...]) -> Reply:
        """Rendered before, unless there is news."""
        now = self._clock()
        version, draining = self.engine.version, self.engine.draining
        key = id(endpoint.group), view.identity is None, *view[1:]
        known = self._rendered.get(key)
        if known is not None and not exclude and known[:2] == (version, draining) and 0 <= known[2] - now <= FRESH:
            return known[3]
        report = self.engine.report(endpoint.group, now, exclude)
        if endpoint.group.name == WHOLE:
            report = self._with_blocks(report)
        answer = reply(report, view)
        if not exclude and (len(self._rendered) < KEPT or key in self._rendered):
            self._rendered[key] = version, draining, min(report.until, now + FRESH), answer
        return answer

    def _with_blocks(self, report: Report) -> Report:
        shown: dict[str, Mapping[str, Any]] = {}
        statuses = [report.status]
        for name, block in self._blocks.items():
            try:
                status, shown[name] = block()
            except Exception:
                hook_failed(block)
            else:
                statuses.append(Status.PASS if status in (Status.PASS, Status.UNKNOWN) else Status.WARN)
        return report._replace(status=worst(statuses), blocks=shown)


def _networks(allow: Iterable[str]) -> Networks:
    if isinstance(allow, str):
        raise ValueError(f"health.allow: a list is needed, as in [{allow!r}]")  # noqa: TRY004
    try:
        return Networks(allow)
    except ValueError as error:
        raise ValueError(f"health.allow: {error}") from error
