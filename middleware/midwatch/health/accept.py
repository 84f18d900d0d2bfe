"""Whether a client wants a word or a document (RFC 9110 section 12.5.1)."""

from __future__ import annotations

from typing import Final

__all__ = ["prefers_text"]

MAX_RANGES: Final = 32
JSON: Final = ("application/health+json", "application/json")


def prefers_text(accept: str) -> bool:
    """Whether *accept* puts `text/plain` before JSON: by weight, then by how exactly it is named."""
    ranges: dict[str, float] = {}
    for element in accept.lower().split(",", MAX_RANGES)[:MAX_RANGES]:
        name, *parameters = (part.strip(" \t") for part in element.split(";"))
        ranges[name] = _weight(parameters)
    text = _rank(ranges, "text/plain")
    return text[0] > 0 and text > max(_rank(ranges, name) for name in JSON)


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return min(max(float(parameter[2:]), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def _rank(ranges: dict[str, float], name: str) -> tuple[float, int]:
    """Weight of a media type by the most specific range that holds it, and how specific that is."""
    for exactness, candidate in ((2, name), (1, name.partition("/")[0] + "/*"), (0, "*/*")):
        if candidate in ranges:
            return ranges[candidate], exactness
    return 0.0, 0
