"""
Consul, by the HTTP API of its agent (developer.hashicorp.com/consul/api-docs/agent/service).

    consul://[token@]host:8500?tag=blue&interval=10s&deregister_after=5m&ttl=15s

The agent asks `/health/ready` each `interval`; with `ttl` it is told instead. A drain is the agent's maintenance mode,
which DNS and the health endpoints leave out at once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, final
from urllib.parse import quote

from ...plugin import hook_failed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .caller import Caller
    from .instance import Instance

__all__ = ["OPTIONS", "Consul"]

OPTIONS: Final = frozenset({"tag", "interval", "deregister_after", "ttl"})

GONE: Final = frozenset({404})
STATUSES: Final = {"pass": "passing", "warn": "warning", "fail": "critical"}

_duration: Final = re.compile(r"([1-9][0-9]{0,5})(s|m|h)").fullmatch
UNITS: Final = {"s": 1, "m": 60, "h": 3600}


@final
class Consul:
    """
    One agent.

    Args:
        caller: Calls it.
        options: Parameters of the URL.
        status: `"pass"`, `"warn"` or `"fail"`, for `ttl`.

    Attributes:
        beat: Seconds between two calls that see whether the agent still knows us.

    Raises:
        ValueError: a parameter that cannot be meant.
    """

    def __init__(
        self, caller: Caller, options: Mapping[str, Sequence[str]], status: Callable[[], str] | None = None
    ) -> None:
        self._caller = caller
        self._tags = list(options.get("tag", ()))
        self._interval = _seconds(options, "interval", "10s")
        self._after = _seconds(options, "deregister_after", "5m")
        if self._after < 60:
            raise ValueError("deregister_after: Consul takes no less than 1m")
        self._ttl = _seconds(options, "ttl", "0s") if "ttl" in options else None
        self._status = status
        self.beat = 30.0 if self._ttl is None else self._ttl / 3

    def register(self, instance: Instance, *, out: bool, weight: int) -> None:
        """Register *instance*, or what has changed of it; its check keeps the status that it has (consul#4904)."""
        body: dict[str, Any] = {
            "ID": instance.id,
            "Name": instance.name,
            "Address": instance.host,
            "Port": instance.port,
            "Tags": self._tags,
            "Meta": {"version": instance.version} if instance.version else {},
            "Weights": {"Passing": weight, "Warning": max(1, weight // 2)},
            "Check": {**self._check(instance), "DeregisterCriticalServiceAfter": f"{self._after}s"},
        }
        self._caller.call("PUT", "/v1/agent/service/register?replace-existing-checks=true", body)
        if out:
            self.drain(instance)

    def beat_once(self, instance: Instance) -> bool:
        """Whether the agent knows *instance*: one that was restarted without its data does not."""
        if self._ttl is None:
            return self._caller.call("GET", f"/v1/agent/service/{_id(instance)}", expect=GONE) != 404
        status = self._told()
        body = {"Status": STATUSES.get(status, "critical"), "Output": status}
        # Agents before 1.11 say 500 of a check that they do not know.
        known = self._caller.call(
            "PUT", f"/v1/agent/check/update/service:{_id(instance)}", body, expect=frozenset({404, 500})
        )
        return 200 <= known < 300

    def _told(self) -> str:
        try:
            return "pass" if self._status is None else self._status()
        except Exception:
            hook_failed(self._told)
            return "warn"  # Nobody knows, and the process lives.

    def drain(self, instance: Instance) -> None:
        """Have *instance* left out, and known."""
        self._maintain(instance, "enable=true&reason=draining")

    def resume(self, instance: Instance) -> None:
        """Have it in again."""
        self._maintain(instance, "enable=false")

    def leave(self, instance: Instance) -> None:
        """Be gone."""
        self._caller.call("PUT", f"/v1/agent/service/deregister/{_id(instance)}", expect=GONE)

    def _maintain(self, instance: Instance, how: str) -> None:
        self._caller.call("PUT", f"/v1/agent/service/maintenance/{_id(instance)}?{how}", expect=GONE)

    def _check(self, instance: Instance) -> dict[str, Any]:
        if self._ttl is not None:
            return {"TTL": f"{self._ttl}s", "Status": "passing"}
        return {
            "HTTP": instance.address + instance.health,
            "Method": "GET",
            "Interval": f"{self._interval}s",
            "Timeout": f"{min(self._interval, 5)}s",
        }


def _id(instance: Instance) -> str:
    return quote(instance.id, safe="")


def _seconds(options: Mapping[str, Sequence[str]], name: str, default: str) -> int:
    text = options[name][-1] if name in options else default
    match = _duration(text)
    if match is None and name in options:
        raise ValueError(f"{name}: {text[:20]!r} is no duration such as 10s or 5m")
    return 0 if match is None else int(match[1]) * UNITS[match[2]]
