"""What an application says of an action, copied at once: its objects may change, or lose their session, later."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any, Final, Literal, TypeAlias, final

from .canonical import Copy

__all__ = ["OUTCOMES", "Entry", "EventOutcome", "Kind", "changes_part", "reason_part"]

EventOutcome: TypeAlias = Literal["success", "denied", "failure", "error", "aborted", "unknown"]
Kind: TypeAlias = Literal["request", "action", "auth", "system"]

OUTCOMES: Final = frozenset({"success", "denied", "failure", "error", "aborted", "unknown"})

KINDS: Final = frozenset({"request", "action", "auth", "system"})

REASONS: Final = ("code", "permission", "policy", "text")

RESOURCES: Final = 32
CHANGES: Final = 64
"""Resources and changed fields that one event names."""


@final
class Entry:
    """
    One explicit record. Whatever it is given, it never raises.

    Args:
        time: Nanoseconds since the epoch.
        action, resource, outcome, reason, changes, kind: See `midwatch.audit.record`.
    """

    __slots__ = ("action", "changes", "kind", "outcome", "reason", "resource", "time", "truncated")

    def __init__(
        self,
        time: int,
        action: object,
        *,
        resource: object = None,
        outcome: object = None,
        reason: object = None,
        changes: object = None,
        kind: Kind = "action",
    ) -> None:
        copy = Copy()
        self.time = time
        self.action = copy.text("action", action) or "unknown"
        self.resource = [] if resource is None else _resources(copy, resource)
        self.kind = kind if kind in KINDS else "action"
        self.reason = None if reason is None else reason_part(copy, reason)
        self.outcome = None if outcome is None else _outcome(copy, outcome)
        self.changes = [] if changes is None else changes_part(copy, changes)
        self.truncated = copy.truncated


def _outcome(copy: Copy, outcome: object) -> str:
    text = copy.text("outcome", outcome, 32)
    if text in OUTCOMES:
        return text
    copy.note("outcome")
    return "unknown"


def reason_part(copy: Copy, reason: object) -> dict[str, Any]:
    """`reason` of an event: text, or a mapping of its parts."""
    if not isinstance(reason, Mapping):
        return {"text": copy.text("reason", reason)}
    try:
        part: dict[str, Any] = {
            name: copy.text("reason", reason[name]) for name in REASONS if reason.get(name) is not None
        }
        if reason.get("granted") is not None:
            part["granted"] = bool(reason["granted"])
    except Exception:
        copy.note("reason")
        return {}
    return part


def _resources(copy: Copy, resource: object) -> list[dict[str, str]]:
    try:
        if not isinstance(resource, list | tuple | AbstractSet):
            return [_resource(copy, resource)]
        if len(resource) > RESOURCES:
            copy.note("resource")
        return [_resource(copy, one) for one in islice(resource, RESOURCES)]
    except Exception:
        copy.note("resource")
        return []


def _resource(copy: Copy, resource: object) -> dict[str, str]:
    if isinstance(resource, Mapping):
        told = {name: resource[name] for name in ("id", "name", "type") if resource.get(name) is not None}
    else:
        kind, colon, identity = copy.text("resource", resource).partition(":")
        told = {"id": identity, "type": kind} if colon else {"type": kind}
    return {name: copy.text("resource", value) for name, value in told.items()}


def changes_part(copy: Copy, changes: object) -> list[dict[str, Any]]:
    """`changes` of an event."""
    try:
        if not isinstance(changes, Mapping | list | tuple | AbstractSet):
            return [{"field": copy.text("changes", changes)}]
        if len(changes) > CHANGES:
            copy.note("changes")
        if not isinstance(changes, Mapping):
            return [{"field": copy.text("changes", name)} for name in islice(changes, CHANGES)]
        return [_change(copy, name, values) for name, values in islice(changes.items(), CHANGES)]
    except Exception:
        copy.note("changes")
        return []


def _change(copy: Copy, name: object, values: object) -> dict[str, Any]:
    change: dict[str, Any] = {"field": copy.text("changes", name)}
    if isinstance(values, tuple | list) and len(values) == 2:
        change["new"] = copy.value("changes", values[1])
        change["old"] = copy.value("changes", values[0])
    else:
        change["new"] = copy.value("changes", values)
    return change
