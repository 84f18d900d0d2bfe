"""A report as a response: `application/health+json` (draft-inadarei-api-health-check-06), or one word of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..answers import Reply
from ..logs.safe import encode_line
from .losses import dropped
from .result import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..service import Service
    from .result import Reading

__all__ = ["METHODS", "Report", "View", "identity", "not_allowed", "reply"]

METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Kubernetes sends GET, HAProxy OPTIONS: all get the same status."""

RETRY_AFTER: Final = "5"
"""Seconds; about half of what orchestrators wait between two probes."""

NO_STORE: Final = {"Cache-Control": "no-store"}
ALLOW: Final = {"Allow": "GET, HEAD, OPTIONS"}


class Report(NamedTuple):
    """What a group of checks found, by name."""

    status: Status
    readings: tuple[tuple[str, Reading], ...] = ()


class View(NamedTuple):
    """
    How one client sees a report.

    Args:
        identity: Shown with all details; None for strangers, who get the status alone.
        text: As one word of text.
        allow: With the header `Allow`.
    """

    identity: Mapping[str, str] | None
    text: bool
    allow: bool


def identity(service: Service) -> dict[str, str]:
    """Members of the document that name the *service*, what is unknown left out."""
    members = {} if service.name == "unknown_service" else {"serviceId": service.name}
    if service.version:
        # The draft's "version" is the public one, which grows with breaking changes only.
        members |= {"version": service.version.partition(".")[0], "releaseId": service.version}
    return members


def reply(report: Report, view: View) -> Reply:
    """*report* as *view* shows it: 200 for pass and warn, 503 for fail."""
    headers = NO_STORE | ALLOW if view.allow else NO_STORE
    code = 200
    if report.status is Status.FAIL:
        code, headers = 503, headers | {"Retry-After": RETRY_AFTER}
    if view.text:
        return Reply(code, report.status.value, headers=headers)
    document: dict[str, Any] = {"status": report.status.value}
    if view.identity is not None:
        document |= view.identity
        checks = {name: [_member(reading)] for name, reading in report.readings} | dropped()
        if checks:
            document["checks"] = checks
    return Reply(code, encode_line(document), media_type="application/health+json", headers=headers)


def not_allowed() -> Reply:
    """The answer to other methods."""
    return Reply(405, "method not allowed", headers=NO_STORE | ALLOW)


def _member(reading: Reading) -> dict[str, Any]:
    """One element of `checks`; `output` is left out on pass, as the draft asks."""
    member: dict[str, Any] = {
        "status": reading.status.value,
        "time": reading.time,
        "observedValue": reading.observed,
    }
    if reading.unit is not None:
        member["observedUnit"] = reading.unit
    if reading.output is not None and reading.status is not Status.PASS:
        member["output"] = reading.output
    return member
