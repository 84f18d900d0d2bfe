"""The words of notices: short, plain, to be read on a phone."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any, Final, final
from uuid import uuid4

from ...logs.safe import safe_text
from ...logs.timestamp import rfc3339
from .notice import Notice
from .phrases import causes, duration, flat, many, moment, request, stack, where

if TYPE_CHECKING:
    from ...service import Service
    from ..occurrence import Occurrence
    from .verdicts import Line, Summary, Told

__all__ = ["Words"]

TITLE: Final = 120
NAMED: Final = 60
MESSAGE: Final = 1000
"""Characters of an error in a title, of the service in one, and of a message in a text."""

LINES: Final = 20
"""Errors that a summary names."""

SENT: Final = ("exception.type", "exception.message", "exception.stacktrace")
"""What is sent of a description; all of it is in the log."""


@final
class Words:
    """
    Makes notices.

    Args:
        service: Named in each.
        host: The name of this machine.
    """

    def __init__(self, service: Service, host: str | None = None) -> None:
        self._host = flat(host or socket.gethostname())
        self._service = {safe_text(key): safe_text(value) for key, value in service.fields().items()}
        named = (service.name, service.environment)
        self._prefix = f"[{' '.join(flat(name, NAMED) for name in named if name)}]"
        self._named = flat(f"{service.name} {service.version or ''}".rstrip())

    def told(self, occurrence: Occurrence, told: Told) -> Notice:
        """Of one occurrence."""
        described, title = occurrence.described, occurrence.title
        lines = [
            *([flat(title, MESSAGE)] if len(title) > TITLE else ()),
            *causes(described),
            f"Where: {where(described)}",
            *request(occurrence),
            f"Count: {_count(told, occurrence)}",
            self._who(),
            *stack(described),
            f"Fingerprint: {flat(occurrence.fingerprint)}",
        ]
        fields = {
            **self._fields(told.kind, occurrence.time, title),
            **occurrence.request,
            **({} if occurrence.where == "request" else {"error.origin": occurrence.where}),
            "error.fingerprint": occurrence.fingerprint,
            "error.count": occurrence.count,
            **{name: described[name] for name in SENT},
        }
        head = f"{self._prefix} {flat(title, TITLE)} ({_why(told)})"
        return Notice(told.kind, head, "\n".join(lines), fields, occurrence.fingerprint, uuid4().hex, occurrence.time)

    def summary(self, summary: Summary, now: float) -> Notice:
        """Of what nobody was told of until *now*, seconds since the epoch."""
        count = sum(line.untold for line in summary.lines) + summary.forgotten
        happened = f"{many(count, 'error')} of {many(len(summary.lines), 'kind')}"
        held = f"{many(summary.suppressed, 'notice')} suppressed"
        title = happened if summary.kind == "digest" else f"{held}: {happened}"
        lines = [
            f"{happened} since {moment(summary.since)}, besides those that you were told of one by one.",
            *([f"{held}, since there were too many in an hour."] if summary.suppressed else ()),
            "",
            *_kinds(summary),
            "",
            self._who(),
        ]
        fields = {
            **self._fields(summary.kind, now, title),
            "error.count": count,
            "suppressed": summary.suppressed,
            "since": rfc3339(summary.since),
            "errors": [_entry(line) for line in summary.lines[:LINES]],
        }
        return Notice(summary.kind, f"{self._prefix} {title}", "\n".join(lines), fields, None, uuid4().hex, now)

    def _fields(self, kind: str, time: float, title: str) -> dict[str, Any]:
        told = {"notice": kind, "timestamp": rfc3339(time), "level": "ERROR", "message": title}
        return {**self._service, **told, "host.name": self._host, "process.pid": os.getpid()}

    def _who(self) -> str:
        return f"Told by: {self._named}, process {os.getpid()} on {self._host}; each process counts its own"


def _why(told: Told) -> str:
    if told.kind == "first":
        return "first seen"
    return f"{told.times} times" if told.kind == "count" else "has come back"


def _count(told: Told, occurrence: Occurrence) -> str:
    if told.kind == "returned":
        known = f"{occurrence.count} since {moment(occurrence.sighting.first)}"
        return f"{known}, none in the {duration(told.silence)} before this one"
    return f"{told.times} since {moment(told.since)}"


def _kinds(summary: Summary) -> list[str]:
    lines = [f"{line.untold} x {flat(line.title, TITLE) or flat(line.fingerprint)}" for line in summary.lines[:LINES]]
    rest = summary.lines[LINES:]
    if rest:
        lines.append(f"{sum(line.untold for line in rest)} x {many(len(rest), 'other kind')}")
    if summary.forgotten:
        lines.append(f"{summary.forgotten} x kinds that were too many to be remembered")
    return lines


def _entry(line: Line) -> dict[str, Any]:
    return {"error.fingerprint": safe_text(line.fingerprint), "message": line.title, "error.count": line.untold}
