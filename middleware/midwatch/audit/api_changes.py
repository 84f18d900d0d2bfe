"""`changes`: what an action changed, kept for the event that tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..exchange import current
from ..plugin import hook_failed
from .difference import CHANGES, difference

if TYPE_CHECKING:
    from ..exchange import Exchange
    from .difference import Changes

__all__ = ["changes", "taken"]

KEY: Final = "midwatch.audit.changes"
"""Where an exchange keeps them until an event takes them."""


def changes(before: object, after: object) -> Changes:
    """
    Say what the current request changes: the fields that differ between two states of a thing; never raises.

    They belong to the next `record` of the request, or the end of the next `@audited` call; where none follows, to the
    event of the request itself. Outside of a request hand them over: `record("rename", changes=changes(old, new))`.

    Args:
        before: As it was; None for what did not exist.
        after: As it is; None for what does not exist any more (see `midwatch.audit.difference`).

    Returns:
        field to old and new value, without secrets.
    """
    try:
        found = difference(before, after)
        exchange = current()
        if found and exchange is not None and exchange.outcome is None:
            kept: Changes = exchange.extra.setdefault(KEY, {})
            for name, values in found.items():
                if len(kept) < CHANGES or name in kept:
                    kept[name] = values
    except Exception:
        hook_failed(changes)
        return {}
    return found


def waiting(exchange: Exchange) -> bool:
    """Whether anything does."""
    extra = exchange._extra  # noqa: SLF001 - as below
    return extra is not None and KEY in extra


def taken(exchange: Exchange) -> Changes | None:
    """What waits for an event of *exchange*; from then on it is that event's."""
    extra = exchange._extra  # noqa: SLF001 - `extra` would make a dict for every request
    return None if extra is None else extra.pop(KEY, None)
