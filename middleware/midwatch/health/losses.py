"""What telemetry was lost, or waits on disk: a detail of a report, and no check, since the service works without it."""

from __future__ import annotations

from typing import Any, Final

from .. import delivery
from .result import now

__all__ = ["dropped"]

DROPPED: Final = "midwatch:dropped"
SPILLED: Final = "midwatch:spilled"
"""Components and measurements (draft-inadarei-api-health-check-06 section 4)."""


def dropped() -> dict[str, list[dict[str, Any]]]:
    """An element of `checks` for each destination that lost something or has something waiting, and each other loss."""
    counts = {name: figures.dropped for name, figures in delivery.figures(delivery.channels).items()}
    counts |= delivery.losses
    measured = {DROPPED: _elements(counts, "items"), SPILLED: _elements(delivery.spilled(delivery.channels), "bytes")}
    return {name: elements for name, elements in measured.items() if elements}


def _elements(values: dict[str, int], unit: str) -> list[dict[str, Any]]:
    time = now()
    return [
        {"componentId": name, "observedValue": value, "observedUnit": unit, "time": time}
        for name, value in values.items()
        if value
    ]
