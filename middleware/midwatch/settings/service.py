"""The section `service`. What is said of a setting is said here, once."""

from typing import Annotated

from ..service import Service
from . import kinds
from .section import Section, Setting

__all__ = ["ServiceSettings"]


class ServiceSettings(Section, frozen=True, kw_only=True):
    """What the service is called, in everything that is sent from it."""

    name: Annotated[
        str, Setting(kinds.text, "Name under which spans, lines, errors and events are found again.", "orders")
    ] = "unknown_service"
    version: Annotated[
        str | None, Setting(kinds.text, "Version that runs; tells a deploy apart from the one before.", "1.4.2")
    ] = None
    environment: Annotated[
        str | None, Setting(kinds.text, "Where it runs; keeps staging out of production's figures.", "production")
    ] = None

    def known(self) -> Service:
        """These names, completed by the resource attributes in `OTEL_RESOURCE_ATTRIBUTES`."""
        return Service.known(self.name, self.version, self.environment)
