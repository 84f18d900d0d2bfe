"""What the service is called, in everything that is sent from it."""

from __future__ import annotations

import os
from typing import NamedTuple
from urllib.parse import unquote

__all__ = ["Service"]


class Service(NamedTuple):
    """
    `service.name`, `service.version`, `deployment.environment.name` and further resource attributes.

    What is not given comes from `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`.
    """

    name: str = "unknown_service"
    version: str | None = None
    environment: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()

    @classmethod
    def known(cls, name: str | None = None, version: str | None = None, environment: str | None = None) -> Service:
        """The service as told, completed from the standard variables."""
        told: dict[str, str] = {}
        for pair in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
            key, equals, value = pair.partition("=")
            if equals and key.strip():
                told[key.strip()] = unquote(value.strip())
        told_name = told.pop("service.name", None)
        told_version = told.pop("service.version", None)
        told_environment = told.pop("deployment.environment.name", None) or told.pop("deployment.environment", None)
        return cls(
            name or os.environ.get("OTEL_SERVICE_NAME") or told_name or "unknown_service",
            version or told_version,
            environment or told_environment,
            tuple(told.items()),
        )

    def fields(self) -> dict[str, str]:
        """As resource attributes, what is unknown left out."""
        named = {
            "service.name": self.name,
            "service.version": self.version,
            "deployment.environment.name": self.environment,
        }
        return {**{key: value for key, value in named.items() if value is not None}, **dict(self.attributes)}
