"""
How spans are sent where a URL says nothing: our own defaults, and the standard variables.

A number that is none is told once and does not count (specification, "Environment Variable Specification").
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

from ...posting import is_header

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FRAMING", "KNOWN", "OTLP", "ZIPKIN", "MeaninglessError", "Options", "number_of"]

logger = logging.getLogger("midwatch")

OTLP: Final = ("OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_")
ZIPKIN: Final = ("OTEL_EXPORTER_ZIPKIN_",)

SECONDS_BELOW: Final = 100.0
"""
A timeout in the environment is milliseconds by the specification and seconds by OpenTelemetry's Python exporters; what
is less than this is taken for seconds, since nobody waits for less than a tenth of one.
"""

FRAMING: Final = frozenset({"connection", "content-encoding", "content-length", "content-type", "transfer-encoding"})
"""Headers that say what the body is, which nobody else knows."""

_told: Final[set[str]] = set()


class MeaninglessError(ValueError):
    """A value that cannot be meant; says what is expected."""


class Bounds(NamedTuple):
    """Between what a number has to be."""

    least: float
    most: float
    whole: bool


KNOWN: Final = {
    "timeout": Bounds(0.001, 600.0, False),
    "delay": Bounds(0.0, 60.0, False),
    "queue": Bounds(1, 1_000_000, True),
    "batch": Bounds(1, 10_000, True),
}


def number_of(name: str, text: str) -> float:
    """
    What *text* says for the option *name*.

    Raises:
        MeaninglessError: it is no number, or not within bounds.
    """
    least, most, whole = KNOWN[name]
    try:
        number = int(text) if whole else float(text)
    except (ValueError, OverflowError):
        number = -1.0
    if not least <= number <= most:
        kind = "a whole number" if whole else "a number of seconds"
        raise MeaninglessError(f"{name} is {kind} between {least:g} and {most:.0f}")
    return number


class Options(NamedTuple):
    """
    How spans are sent.

    Attributes:
        timeout: Seconds that one request may take.
        delay: Seconds in which spans may gather to a batch.
        queue: Most spans that wait.
        batch: Most spans of one request.
        give_up: Seconds after which a batch that cannot be sent is dropped.
        compressed: Whether bodies are.
        headers: Of each request.
    """

    timeout: float = 10.0
    delay: float = 0.5
    queue: int = 20_000
    batch: int = 512
    give_up: float = 10.0
    compressed: bool = False
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def known(cls, prefixes: tuple[str, ...] = ()) -> Options:
        """By the standard variables: those with *prefixes*, the first that is set, and those of any batch."""
        own = cls()
        return cls(
            _number("timeout", own.timeout, _seconds, _first(prefixes, "TIMEOUT")),
            _number("delay", own.delay, _milliseconds, "OTEL_BSP_SCHEDULE_DELAY"),
            int(_number("queue", own.queue, str, "OTEL_BSP_MAX_QUEUE_SIZE")),
            int(_number("batch", own.batch, str, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE")),
            _number("timeout", own.give_up, _milliseconds, "OTEL_BSP_EXPORT_TIMEOUT"),
            _compressed(_first(prefixes, "COMPRESSION")),
            tuple(_headers(_first(prefixes, "HEADERS")).items()),
        )


def _first(prefixes: tuple[str, ...], name: str) -> str:
    """The variable to look at; the specific one before the general."""
    names = [prefix + name for prefix in prefixes]
    return next((name for name in names if os.environ.get(name, "").strip()), "")


def _milliseconds(text: str) -> str:
    return str(float(text) / 1000)


def _seconds(text: str) -> str:
    return text if float(text) < SECONDS_BELOW else _milliseconds(text)


def _number(option: str, otherwise: float, convert: Callable[[str], str], variable: str) -> float:
    text = os.environ.get(variable, "").strip()
    if not text:
        return otherwise
    try:
        return number_of(option, convert(text))
    except ValueError:
        _tell(variable, "no number that can be meant")
        return otherwise


def _compressed(variable: str) -> bool:
    told = os.environ.get(variable, "").strip().lower()
    if told not in {"", "gzip", "none"}:
        _tell(variable, 'neither "gzip" nor "none"')
    return told == "gzip"


def _headers(variable: str) -> dict[str, str]:
    """`name=value` pairs with commas between them, values percent-encoded as in W3C baggage."""
    headers = {}
    for pair in os.environ.get(variable, "").split(","):
        name, equals, value = pair.partition("=")
        name, value = unquote(name.strip()).lower(), unquote(value.strip())
        if equals and is_header(name, value) and name not in FRAMING:
            headers[name] = value
        elif pair.strip():
            _tell(variable, "not a list of name=value, headers that may be set, with commas between them")
    return headers


def _tell(variable: str, why: str) -> None:
    """Say once that *variable* does not count; not its value, which may be a credential."""
    if variable not in _told:
        _told.add(variable)
        logger.warning("%s: %s, ignored", variable, why)
