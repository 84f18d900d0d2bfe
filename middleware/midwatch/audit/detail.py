"""
What of an event can be erased one day, and is therefore kept beside what is hashed: changes, user agents and names.

The body has a salted digest of it, so that it cannot be exchanged, and nobody can guess it once it is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .canonical import canonical

if TYPE_CHECKING:
    from .event import Body

__all__ = ["MAX_DETAIL", "split"]

MAX_DETAIL = 65_536
"""Bytes of it; longer changes lose their end."""


def split(body: Body) -> bytes | None:
    """Take what can be erased out of *body*, and return it as canonical JSON; None where there is none."""
    detail: dict[str, Any] = {}
    changes = body.pop("changes", None)
    if changes:
        detail["changes"] = changes
    source = body.get("source")
    if source is not None and "ua" in source:
        detail["ua"] = source.pop("ua")
    names = _names(body)
    if names:
        detail["names"] = names
    if not detail:
        return None
    data = canonical(detail)
    while len(data) > MAX_DETAIL and detail.get("changes"):
        detail["changes"] = detail["changes"][: len(detail["changes"]) // 2]
        body["truncated"] = sorted({*body.get("truncated", ()), "changes"})
        data = canonical(detail)
    return data


def _names(body: Body) -> dict[str, Any]:
    names: dict[str, Any] = {}
    actor = body["actor"]
    if "name" in actor:
        names["actor"] = actor.pop("name")
    resources = body.get("resource")
    if resources and any("name" in resource for resource in resources):
        names["resource"] = [resource.get("name") for resource in resources]
        # A copy: two trails may have the same record.
        body["resource"] = [{key: resource[key] for key in resource if key != "name"} for resource in resources]
    return names
