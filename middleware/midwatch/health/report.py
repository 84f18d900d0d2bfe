"""A report as a response, by who asks: the draft's document, one word, or what a prober of some kind wants to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..answers import Reply
from ..logs.safe import encode_line
from .losses import dropped
from .result import Status
from .spring import spring_document
from .text import lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..service import Service
    from .group import Member, Report

__all__ = ["METHODS", "PROFILES", "View", "identity", "not_allowed", "reply"]

METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Kubernetes sends GET, HAProxy OPTIONS: all get the same status."""

RETRY_AFTER: Final = "5"
"""Seconds; about half of what orchestrators wait between two probes."""

SOON: Final = "1"
"""Seconds, where checks are being asked for the first time."""

NO_STORE: Final = {"Cache-Control": "no-store"}
ALLOW: Final = {"Allow": "GET, HEAD, OPTIONS"}
DRAFT: Final = "application/health+json"
SPRING: Final = "application/vnd.spring-boot.actuator.v3+json"
PLAIN: Final = "text/plain; charset=utf-8"

MAX_TEXT: Final = 4000
"""Bytes; Consul keeps the first 4 KiB of a body."""


class View(NamedTuple):
    """
    How one client sees a report.

    Args:
        identity: Shown with all details; None for strangers, who get the status alone.
        text: As text.
        allow: With the header `Allow`.
        verbose: Each check on a line, where it is text.
        profile: What kind of client it is.
    """

    identity: Mapping[str, str] | None
    text: bool = False
    allow: bool = False
    verbose: bool = False
    profile: str = "health+json"


def identity(service: Service) -> dict[str, str]:
    """Members of the document that name the *service*, what is unknown left out."""
    members = {} if service.name == "unknown_service" else {"serviceId": service.name}
    if service.version:
        # The draft's "version" is the public one, which grows with breaking changes only.
        members |= {"version": service.version.partition(".")[0], "releaseId": service.version}
    return members


def reply(report: Report, view: View) -> Reply:
    """*report* as *view* shows it."""
    code, body, kind = PROFILES[view.profile](report, view)
    headers = NO_STORE | ALLOW if view.allow else NO_STORE
    if code == 503:
        headers = headers | {"Retry-After": SOON if report.unasked else RETRY_AFTER}
    return Reply(code, body, media_type=kind, headers=headers)


def not_allowed() -> Reply:
    """The answer to other methods."""
    return Reply(405, "method not allowed", headers=NO_STORE | ALLOW)


def _code(report: Report) -> int:
    return 503 if report.status is Status.FAIL else 200


def _draft(report: Report, view: View) -> tuple[int, str, str]:
    """draft-inadarei-api-health-check-06; or one word, for who prefers text."""
    if view.text:
        return _word(report, view)
    document: dict[str, Any] = {"status": report.status.value}
    if view.identity is not None:
        document |= view.identity
        if report.draining:
            document["output"] = "draining"
        notes = [f"cannot be excluded: {name}" for name in report.unmatched]
        if notes:
            document["notes"] = notes
        checks = {member.name: [_member(member)] for member in report.members} | dropped()
        if checks:
            document["checks"] = checks
        document |= {name: block for name, block in report.blocks.items() if name not in document}
    return _code(report), encode_line(document), DRAFT


def _word(report: Report, view: View) -> tuple[int, str, str]:
    if view.verbose and view.identity is not None:
        return _code(report), lines(report), PLAIN
    return _code(report), report.status.value, PLAIN


def _kubernetes(report: Report, view: View) -> tuple[int, str, str]:
    """As the servers of Kubernetes answer: `ok`, or each check on a line where one fails or `?verbose` asks for it."""
    fails = report.status is Status.FAIL
    if view.identity is not None and (view.verbose or fails):
        return _code(report), lines(report), PLAIN
    return _code(report), "failed" if fails else "ok", PLAIN


def _spring(report: Report, view: View) -> tuple[int, str, str]:
    """As Spring Boot 3 Actuator answers, for Spring Boot Admin and for clients of Eureka."""
    return _code(report), encode_line(spring_document(report, details=view.identity is not None)), SPRING


def _consul(report: Report, view: View) -> tuple[int, str, str]:
    """429 is Consul's warning; the text is shown to operators."""
    code = 429 if report.status is Status.WARN else _code(report)
    if view.identity is None:
        return code, report.status.value, PLAIN
    text = f"{report.status}\n{lines(report)}"
    return code, text.encode()[:MAX_TEXT].decode(errors="ignore"), PLAIN


def _haproxy(report: Report, view: View) -> tuple[int, str, str]:
    """404 while draining: with `http-check disable-on-404`, what is under way stays and nothing new comes."""
    if report.draining:
        return 404, "draining", PLAIN
    return _word(report, view)


def _google(report: Report, view: View) -> tuple[int, str, str]:
    """200 exactly, and a text that starts the same each time."""
    return _code(report), "failed" if report.status is Status.FAIL else "ok", PLAIN


PROFILES: Final[Mapping[str, Callable[[Report, View], tuple[int, str, str]]]] = {
    "health+json": _draft,
    "k8s": _kubernetes,
    "spring": _spring,
    "consul": _consul,
    "haproxy": _haproxy,
    "gcp": _google,
}
"""Status, body and media type, by what the settings and `?format=` call them."""


def _member(member: Member) -> dict[str, Any]:
    """One element of `checks`; `output` and `affectedEndpoints` are left out on pass, as the draft asks."""
    check, state = member.check, member.state
    status = state.status
    if status is Status.UNKNOWN:  # The draft knows no such status.
        status = Status.FAIL if check.gates else Status.WARN
    shown: dict[str, Any] = {"status": status.value}
    if state.reading is not None:
        shown |= {"time": state.reading.time, "observedValue": state.reading.observed}
        if state.reading.unit is not None:
            shown["observedUnit"] = state.reading.unit
    if status is not Status.PASS:
        if state.output is not None:
            shown["output"] = state.output
        if check.affects:
            shown["affectedEndpoints"] = check.affects
    if state.stuck is not None:
        shown["stuckSince"] = state.stuck
    if state.stale:
        shown["stale"] = True
    if not check.gates:
        shown |= {"gates": False, "scope": check.scope}
    if check.tags:
        shown["tags"] = check.tags
    return shown
