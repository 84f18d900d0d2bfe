"""What makes spans, as destinations are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...posting import VERSION
from ..details import Resource

if TYPE_CHECKING:
    from ...service import Service

__all__ = ["resource_of"]


def resource_of(service: Service) -> Resource:
    """The service, and that Midwatch speaks for it (resource semantic conventions, `telemetry.sdk`)."""
    told = {
        **service.fields(),
        "telemetry.sdk.name": "midwatch",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": VERSION,
    }
    return Resource(tuple(told.items()))
