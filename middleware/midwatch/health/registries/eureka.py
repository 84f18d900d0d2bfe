"""
Eureka, by its REST operations (Netflix/eureka wiki, "Eureka REST operations").

    eureka://[user:password@]host:8761/eureka

It polls nobody: each instance renews its lease. Netflix' own server has `/eureka/v2` for a path, Spring's `/eureka`.
"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any, Final, final
from urllib.parse import quote

if TYPE_CHECKING:
    from .caller import Caller
    from .instance import Instance

__all__ = ["OPTIONS", "Eureka"]

OPTIONS: Final[frozenset[str]] = frozenset()

GONE: Final = frozenset({404})
LEASE: Final = 90
"""Seconds for which the server believes in an instance of which it hears nothing."""


@final
class Eureka:
    """
    One server.

    Args:
        caller: Calls it.

    Attributes:
        beat: Seconds between two renewals.
    """

    beat = LEASE / 3

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def register(self, instance: Instance, *, out: bool, weight: int) -> None:
        """Register *instance*; Eureka's clients choose by their own rules, but can read the weight."""
        self._caller.call("POST", f"/apps/{_app(instance)}", {"instance": _document(instance, out, weight)})

    def beat_once(self, instance: Instance) -> bool:
        """Renew the lease; False where the server knows nothing of it."""
        return self._caller.call("PUT", _path(instance), expect=GONE) != 404

    def drain(self, instance: Instance) -> None:
        """Have *instance* left out, and known."""
        self._caller.call("PUT", f"{_path(instance)}/status?value=OUT_OF_SERVICE", expect=GONE)

    def resume(self, instance: Instance) -> None:
        """Have it in again."""
        self._caller.call("DELETE", f"{_path(instance)}/status?value=UP", expect=GONE)

    def leave(self, instance: Instance) -> None:
        """Be gone."""
        self._caller.call("DELETE", _path(instance), expect=GONE)


def _app(instance: Instance) -> str:
    return quote(instance.name.upper(), safe="")


def _path(instance: Instance) -> str:
    return f"/apps/{_app(instance)}/{quote(instance.id, safe='')}"


def _document(instance: Instance, out: bool, weight: int) -> dict[str, Any]:
    secure = instance.secure
    name = instance.name.lower()
    moment = str(int(time() * 1000))
    return {
        "instanceId": instance.id,
        "app": instance.name.upper(),
        "hostName": instance.host,
        "ipAddr": instance.host,
        "vipAddress": name,
        "secureVipAddress": name,
        "status": "OUT_OF_SERVICE" if out else "UP",
        "port": {"$": instance.port, "@enabled": str(not secure).lower()},
        "securePort": {"$": instance.port, "@enabled": str(secure).lower()},
        "homePageUrl": f"{instance.address}/",
        "statusPageUrl": instance.address + instance.health,
        "healthCheckUrl": None if secure else instance.address + instance.health,
        "secureHealthCheckUrl": instance.address + instance.health if secure else None,
        "dataCenterInfo": {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"},
        "leaseInfo": {"renewalIntervalInSecs": LEASE // 3, "durationInSecs": LEASE},
        "metadata": {"version": instance.version, "weight": str(weight)},
        "lastUpdatedTimestamp": moment,
        "lastDirtyTimestamp": moment,
    }
