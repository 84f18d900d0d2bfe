"""A report as Spring Boot 3 Actuator writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .result import Status

if TYPE_CHECKING:
    from .group import Report
    from .probe import State

__all__ = ["spring_document"]

WORDS: Final = {Status.PASS: "UP", Status.WARN: "UP", Status.UNKNOWN: "UNKNOWN", Status.FAIL: "DOWN"}
"""Spring knows no concerns: what warns is up, and its details tell."""


def spring_document(report: Report, *, details: bool) -> dict[str, Any]:
    """Status of the whole, and with *details* its components."""
    document: dict[str, Any] = {"status": "OUT_OF_SERVICE" if report.draining else WORDS[report.status]}
    if details and report.members:
        document["components"] = {
            member.name: {"status": WORDS[member.state.status], "details": _details(member.state)}
            for member in report.members
        }
    return document


def _details(state: State) -> dict[str, Any]:
    shown: dict[str, Any] = {"health": state.status.value}
    if state.reading is not None:
        shown |= {"time": state.reading.time, "observed": state.reading.observed}
        if state.reading.unit is not None:
            shown["unit"] = state.reading.unit
    if state.status is not Status.PASS and state.output is not None:
        shown["error"] = state.output
    return shown
