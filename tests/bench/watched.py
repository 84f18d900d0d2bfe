"""Midwatch in its variants: each of the six alone, all six, and both with every span sent to a collector."""

from __future__ import annotations

import atexit
import os
from contextlib import ExitStack
from functools import cache
from time import monotonic, sleep
from typing import Any, Final

from midwatch import flush, install
from midwatch.delivery import channels
from midwatch.logs import configure_logging

from .receiver import receiver
from .sinks import Sinks, sinks

__all__ = ["ALL", "LOGGED", "SIX", "SPANS", "VARIANTS", "dropped", "flush", "prepare", "rest", "watch"]

SINK: Final = f"file://{os.devnull}"

SIX: Final = {
    "Tracing": "trace",
    "RequestLog": "log",
    "ErrorReport": "errors",
    "LatencyMetrics": "metrics",
    "AuditTrail": "audit",
    "HealthCheck": "health",
}
"""The section of the settings that switches each of them."""

ALL: Final = "midwatch"
SPANS: Final = "midwatch+spans"
TRACED: Final = "Tracing+OTLP"
LOGGED: Final = {
    "RequestLog+stdout": "stdout",
    "RequestLog+syslog": "syslog+tcp://127.0.0.1:{syslog}",
    "RequestLog+fluentd": "fluentd://127.0.0.1:{fluentd}",
}
"""Where the lines of a variant go; stdout is `/dev/null` here."""

RESTED: Final = 0.5
"""Seconds within which a worker without work falls asleep, and more."""

VARIANTS: Final = (*SIX, *LOGGED, TRACED, ALL, SPANS)

_collector = ExitStack()
"""One for the process, started when a variant wants it."""


def watch(app: Any, variant: str) -> Any:
    """*app* as a user would have it watched, but that all lines go to `/dev/null`."""
    settings: dict[str, Any] = {
        section: {} if variant in {name, ALL, SPANS} or variant.startswith(f"{name}+") else False
        for name, section in SIX.items()
    }
    if settings["log"] is not False:
        settings["log"] = {"to": [_place(variant)]}
    if variant in {SPANS, TRACED}:
        settings["trace"] = {"to": [_otlp()]}
    return install(app, settings)


@cache
def _otlp() -> str:
    atexit.register(_collector.close)
    return f"otlp://127.0.0.1:{_collector.enter_context(receiver()).port}"


@cache
def _sinks() -> Sinks:
    atexit.register(_collector.close)
    return _collector.enter_context(sinks())


def _place(variant: str) -> str:
    url = LOGGED.get(variant, SINK)
    return url if "{" not in url else url.format(**_sinks()._asdict())


def prepare(variant: str) -> None:
    """Have lines go where *variant* wants them: handlers belong to the process, and each variant has set its own."""
    if variant.startswith("RequestLog") or variant in {ALL, SPANS}:
        configure_logging(to=[_place(variant)])


def rest() -> None:
    """Wait until the workers of other variants sleep: they would be heard in what is timed next."""
    until = monotonic() + RESTED
    while any(channel.worker.awake for channel in channels) and monotonic() < until:
        sleep(0.005)  # They go to sleep unasked.


def dropped() -> int:
    """Items that found a full queue: a benchmark that drops them flatters itself."""
    return sum(channel.dropped for channel in list(channels))
