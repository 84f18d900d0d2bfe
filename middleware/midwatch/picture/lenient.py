"""
Values as strangers write them: taken where they can be understood, cut where they are too long.

Nothing here raises. Numbers may be text (JSON cannot carry 64 bits, so OTLP writes them that way), ids may be in
capitals, and anything may be anything else.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .span import Scalar

__all__ = ["ITEMS", "attributes", "nanoseconds", "one_of", "span_id", "text", "time", "trace_id"]

LENGTH: Final = 8192
"""Characters of one value: a stack trace fits."""

NAME: Final = 256
"""Characters of a name, and of the key of an attribute."""

ITEMS: Final = 128
"""Attributes and events of one span, the limit of the specification."""

LATEST: Final = 2**63 - 1

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_is_hex: Final = re.compile("[0-9a-fA-F]+").fullmatch


def trace_id(value: Any) -> str | None:
    """32 hexadecimal digits; ids of 64 bits are filled up, as all propagators do."""
    return _id(value, 32)


def span_id(value: Any) -> str | None:
    """16 hexadecimal digits."""
    return _id(value, 16)


def _id(value: Any, digits: int) -> str | None:
    if not isinstance(value, str) or len(value) > digits or not _is_hex(value):
        return None
    found = value.lower().zfill(digits)
    return found if found.strip("0") else None


def nanoseconds(value: Any, unit: int = 1) -> int:
    """*value* units as nanoseconds; 0 for what is no time."""
    try:
        if isinstance(value, bool) or (isinstance(value, str) and len(value) > 40):
            return 0
        # A float cannot hold the nanoseconds of today, so whole numbers stay whole.
        whole = isinstance(value, int) or (isinstance(value, str) and value.strip().isdecimal())
        number = int(value) * unit if whole else int(float(value) * unit)
    except (TypeError, ValueError, OverflowError):
        return 0
    return min(max(number, 0), LATEST)


def time(value: Any) -> int:
    """RFC 3339 as nanoseconds since the epoch; 0 for anything else."""
    try:
        # Python reads at most six digits of a second's fraction and ignores the rest.
        found = datetime.fromisoformat(value) if isinstance(value, str) and len(value) < 64 else None
        if found is None:
            return 0
        past = (found if found.tzinfo else found.replace(tzinfo=UTC)) - EPOCH
    except (ValueError, OverflowError):
        return 0
    return max(((past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds) * 1_000, 0)


def text(value: Any, length: int = NAME) -> str:
    """*value* if it is text, else nothing."""
    return value[:length] if isinstance(value, str) else ""


def one_of(value: Any, known: Mapping[Any, str]) -> str:
    """What *known* says about *value*; empty if nothing."""
    return known.get(value, "") if isinstance(value, str | int) else ""


def attributes(pairs: Any) -> dict[str, Scalar]:
    """At most `ITEMS` of *pairs*, with values that are plain."""
    found: dict[str, Scalar] = {}
    for key, value in pairs:
        if len(found) >= ITEMS:
            break
        plain = _plain(value)
        if plain is not None and isinstance(key, str) and key:
            found[key[:NAME]] = plain
    return found


def _plain(value: Any) -> Scalar | None:
    if isinstance(value, str):
        return value if len(value) <= LENGTH else value[:LENGTH] + "…"
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**64 else text(f"{value:.6e}" if abs(value) < 10**300 else "a huge number")
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    try:
        return _plain(msgspec.json.encode(value).decode())
    except (ValueError, TypeError, RecursionError):
        return f"<{type(value).__name__}>"
