"""What a span holds besides its attributes, how much of it, and what the API calls its scope and resource."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import SpanContext

__all__ = ["EXCEPTION_EVENTS", "LIMITS", "MIDWATCH", "NOWHERE", "Event", "Limits", "Link", "Resource", "Scope"]

logger = logging.getLogger("midwatch")


class Link(NamedTuple):
    """Another trace that a span belongs to."""

    context: SpanContext
    attributes: Mapping[str, Any]
    dropped_attributes: int = 0


class Event(NamedTuple):
    """Something that happened during a span. *timestamp* is in nanoseconds since the epoch."""

    name: str
    timestamp: int
    attributes: Mapping[str, Any]
    dropped_attributes: int = 0


class Scope(NamedTuple):
    """Which library made a span: what OpenTelemetry calls the instrumentation scope."""

    name: str
    version: str | None = None
    schema_url: str | None = None
    attributes: tuple[tuple[str, Any], ...] = ()


MIDWATCH: Final = Scope("midwatch")


class Resource(NamedTuple):
    """What makes spans: the service, as pairs that can be a key of a dict, as exporters want it."""

    pairs: tuple[tuple[str, Any], ...]
    schema_url: str = ""

    @property
    def attributes(self) -> dict[str, Any]:
        """As OpenTelemetry has it."""
        return dict(self.pairs)


NOWHERE: Final = Resource(())


class Limits(NamedTuple):
    """How much one span may hold; more is dropped and counted (specification, "Span Limits")."""

    attributes: int = 128
    events: int = 128
    links: int = 128
    value: int = 32_768
    """Characters of a text, items of a list; the specification knows no limit, our memory does."""

    @classmethod
    def known(cls) -> Limits:
        """By the standard variables."""
        value = _number("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", cls().value)
        count = _number("OTEL_ATTRIBUTE_COUNT_LIMIT", cls().attributes)
        return cls(
            _number("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", count),
            _number("OTEL_SPAN_EVENT_COUNT_LIMIT", cls().events),
            _number("OTEL_SPAN_LINK_COUNT_LIMIT", cls().links),
            _number("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", value),
        )


def _number(variable: str, otherwise: int) -> int:
    text = os.environ.get(variable, "").strip()
    if not text:
        return otherwise
    if not text.isdecimal() or len(text) > 9:
        logger.warning("%s=%.40s is no number, %d is used", variable, text, otherwise)
        return otherwise
    return int(text)


LIMITS: Final = Limits.known()

EXCEPTION_EVENTS: Final = os.environ.get("OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN", "").strip() != "logs"
"""Whether exceptions are events of spans; the conventions are about to make them log records only."""
