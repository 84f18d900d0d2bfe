"""One group for a person, and groups for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...picture.words import counted, moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...picture.screen import Screen
    from .groups import Group

__all__ = ["described", "document"]


def described(group: Group, screen: Screen) -> str:
    """What is known of *group*, and the stack of its latest occurrence; without a newline at its end."""
    facts = [(name, screen.clean(said)) for name, said in _facts(group) if said]
    width = max(len(name) for name, _ in facts)
    lines = [screen.ink("1", screen.clean(group.fingerprint)), screen.ink("31", screen.clean(group.latest.title)), ""]
    lines += [f"{screen.ink('2', name.ljust(width))}  {said}" for name, said in facts]
    if group.latest.stack:
        lines += ["", *map(screen.clean, group.latest.stack.rstrip().split("\n"))]
    return "\n".join(lines)


def _facts(group: Group) -> Iterator[tuple[str, str]]:
    latest = group.latest
    requests = f" in {counted(group.requests, 'request')}" if group.requests else ""
    yield "seen", f"{counted(group.count, 'time')}{requests}"
    yield "first", _shown(group.first)
    yield "last", _shown(group.last)
    if latest.times > group.count:
        yield "counted", f"{latest.times} by the process that saw it last: not all of it is in these lines"
    yield "service", ", ".join(group.services)
    yield "where", "" if latest.where == "request" else latest.where
    yield "culprit", latest.culprit
    routes = sorted(group.routes.items(), key=lambda item: item[1], reverse=True)
    yield "routes", ", ".join(f"{route} ({count})" for route, count in routes)
    yield "traces", ", ".join(reversed(group.traces))
    yield "request", latest.request_id


def _shown(time: int) -> str:
    return moment(time).replace("T", " ").replace("Z", " UTC")


def document(group: Group, *, stack: bool) -> dict[str, Any]:
    """*group* for programs; what is unknown is null."""
    latest = group.latest
    told = {
        "fingerprint": group.fingerprint,
        "count": group.count,
        "requests": group.requests,
        "first": moment(group.first) or None,
        "last": moment(group.last) or None,
        "type": latest.kind or None,
        "message": latest.message,
        "where": latest.where,
        "culprit": latest.culprit or None,
        "services": list(group.services),
        "routes": group.routes,
        "trace_ids": [*reversed(group.traces)],
        "request_id": latest.request_id or None,
        "process_count": latest.times,
    }
    return {**told, "stacktrace": latest.stack or None} if stack else told
