"""Midwatch in its variants: each of the six alone, all six, and all six with every span recorded and written."""

from __future__ import annotations

import os
from typing import Any, Final

from midwatch import flush, install
from midwatch.delivery import channels

__all__ = ["ALL", "SIX", "SPANS", "VARIANTS", "dropped", "flush", "watch"]

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
VARIANTS: Final = (*SIX, ALL, SPANS)


def watch(app: Any, variant: str) -> Any:
    """*app* as a user would have it watched, but that all lines go to `/dev/null`."""
    settings: dict[str, Any] = {
        section: {} if variant in {name, ALL, SPANS} else False for name, section in SIX.items()
    }
    if settings["log"] is not False:
        settings["log"] = {"to": [SINK]}
    if variant == SPANS:
        settings["trace"] = {"to": [SINK]}
    return install(app, settings)


def dropped() -> int:
    """Items that found a full queue: a benchmark that drops them flatters itself."""
    return sum(channel.dropped for channel in list(channels))
