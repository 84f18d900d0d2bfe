"""What the service is called, in everything that is sent from it."""

from __future__ import annotations

import os
from typing import NamedTuple, TypeVar
from urllib.parse import unquote

__all__ = ["Service"]


T = TypeVar("T", str, str | None)


def _clean(text: T) -> T:
    """*text* that UTF-8 can carry: variables may hold any bytes."""
    return text if text is None else text.encode("utf-8", "replace").decode()


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
        name = name or os.environ.get("OTEL_SERVICE_NAME") or told_name or "unknown_service"
        return cls(
            _clean(name),
            _clean(version or told_version),
            _clean(environment or told_environment),
            tuple((str(_clean(key)), str(_clean(value))) for key, value in told.items()),
        )

    def fields(self) -> dict[str, str]:
        """As resource attributes, what is unknown left out."""
        named = {
            "service.name": self.name,
            "service.version": self.version,
            "deployment.environment.name": self.environment,
        }
        return {**{key: value for key, value in named.items() if value is not None}, **dict(self.attributes)}
