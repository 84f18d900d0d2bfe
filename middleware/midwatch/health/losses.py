"""What telemetry was lost: a detail of a report, and no check, since the service works without it."""

from __future__ import annotations

from typing import Any, Final

from .. import delivery
from .result import now

__all__ = ["dropped"]

MEASUREMENT: Final = "midwatch:dropped"
"""Component and measurement (draft-inadarei-api-health-check-06 section 4)."""


def dropped() -> dict[str, list[dict[str, Any]]]:
    """An element of `checks` for each destination that lost something, and for each other loss; empty without any."""
    counts = {name: figures.dropped for name, figures in delivery.figures(delivery.channels).items()}
    counts |= delivery.losses
    time = now()
    elements = [
        {"componentId": name, "observedValue": count, "observedUnit": "items", "time": time}
        for name, count in counts.items()
        if count
    ]
    return {MEASUREMENT: elements} if elements else {}
