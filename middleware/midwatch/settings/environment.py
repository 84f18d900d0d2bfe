"""Settings that the standard OpenTelemetry variables give; a dict wins over them."""

from __future__ import annotations

import os
from typing import Any, Final

from ..service import Service
from .tracing_environment import TRACE_VARIABLES, trace_settings

__all__ = ["VARIABLES", "from_environment"]

NAME: Final = "OTEL_SERVICE_NAME"
ATTRIBUTES: Final = "OTEL_RESOURCE_ATTRIBUTES"
DISABLED: Final = "OTEL_SDK_DISABLED"

VARIABLES: Final = {
    NAME: "`service.name`.",
    ATTRIBUTES: "`service.name`, `service.version` and `deployment.environment.name` where nothing else tells them;"
    " further attributes go out with every span. `key=value` pairs, separated by commas, values percent-encoded.",
    DISABLED: "`true` switches `trace` off, unless the dict says something of it.",
    **TRACE_VARIABLES,
}
"""What is honoured, and what it sets."""


def from_environment() -> dict[str, tuple[Any, str]]:
    """Path of a setting: its value, and the variable that gives it."""
    service = Service.known()
    found: dict[str, tuple[Any, str]] = {}
    if os.environ.get(NAME):
        found["service.name"] = service.name, NAME
    elif service.name != Service().name:
        found["service.name"] = service.name, ATTRIBUTES
    if service.version is not None:
        found["service.version"] = service.version, ATTRIBUTES
    if service.environment is not None:
        found["service.environment"] = service.environment, ATTRIBUTES
    if os.environ.get(DISABLED, "").strip().lower() == "true":
        found["trace"] = None, DISABLED
    else:
        found.update(trace_settings())
    return found
