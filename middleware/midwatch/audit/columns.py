"""
The columns that a store finds events by. They repeat what the body says; only the body is hashed.

One function makes them, for the store that keeps them and for the verifier that compares them: a column that was edited
shows like an edited body.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from .event import Body

__all__ = ["COLUMNS", "columns", "columns_of_body", "searchable", "values_of"]

COLUMNS: Final = (
    "id", "time", "kind", "actor", "action", "resource_type", "resource_id", "outcome", "ip", "tenant", "trace_id",
)  # fmt: skip
"""Their names, in the order of `columns_of_body`."""

SHORT: Final = 256
LONG: Final = 1024
"""Characters that need no second look; and bytes that a column has at most, so that any index takes it."""

LATEST: Final = 2**63 // 1_000_000_000
"""Seconds since the epoch of which a 64-bit integer holds the nanoseconds."""

Value = str | int | None

_decode: Final = msgspec.json.Decoder().decode
_no_part: Final[dict[str, Any]] = {}


def columns(body: Body) -> dict[str, Any]:
    """
    The columns of *body* by name; whatever it holds, it does not raise.

    What is missing, or no text, is None; `time` is in nanoseconds since the epoch, 0 where there is none. Of several
    resources it is the first one.
    """
    return dict(zip(COLUMNS, values_of(body), strict=True))


def columns_of_body(data: bytes) -> tuple[Value, ...]:
    """The same from the bytes of a body, in the order of `COLUMNS`."""
    try:
        body = _decode(data)
    except (ValueError, TypeError, RecursionError):
        body = None
    return values_of(body if type(body) is dict else {})


def values_of(body: Body) -> tuple[Value, ...]:
    """The columns of *body*, in the order of `COLUMNS`."""
    get = body.get
    actor, source, resources = get("actor"), get("source"), get("resource")
    resource = resources[0] if type(resources) is list and resources else _no_part
    if type(resource) is not dict:
        resource = _no_part
    return (
        searchable(get("id")),
        _time(get("time")),
        searchable(get("kind")),
        searchable(actor.get("id")) if type(actor) is dict else None,
        searchable(get("action")),
        searchable(resource.get("type")),
        searchable(resource.get("id")),
        searchable(get("outcome")),
        searchable(source.get("ip")) if type(source) is dict else None,
        searchable(get("tenant")),
        searchable(get("trace_id")),
    )


def searchable(value: object) -> str | None:
    """*value* as a column holds it, and as it is asked for: without what some database does not take, and cut."""
    if type(value) is not str:
        return None
    if len(value) <= SHORT and value.isprintable():
        return value
    # PostgreSQL has no NUL in text, and UTF-8 no surrogates.
    data = value[: LONG + 1].replace("\0", "\ufffd").encode("utf-8", "replace")
    return data[:LONG].decode(errors="ignore")


def _time(text: Any) -> int:
    """Nanoseconds since the epoch of `2026-01-01T00:00:00.123456Z`."""
    try:
        fraction = text[20:26]
        if len(text) != 27 or text[26] != "Z" or not (fraction.isascii() and fraction.isdigit()):
            return 0
        return _second(text[:20]) + int(fraction) * 1000
    except (TypeError, ValueError, AttributeError, LookupError):
        return 0


@lru_cache(maxsize=64)
def _second(text: str) -> int:
    second = int(datetime.fromisoformat(text.removesuffix(".")).replace(tzinfo=UTC).timestamp())
    if not 0 <= second < LATEST:
        raise ValueError(text)
    return second * 1_000_000_000
