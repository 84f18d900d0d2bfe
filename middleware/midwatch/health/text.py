"""A report as lines of text, as the servers of Kubernetes write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .result import Status

if TYPE_CHECKING:
    from .group import Member, Report

__all__ = ["lines"]


def lines(report: Report) -> str:
    """
    `[+]name ok` or `[-]name failed: why`, and at the end what they come to.

    What fails comes first: some readers keep only the beginning.
    """
    members = sorted(report.members, key=lambda member: member.state.status in (Status.PASS, Status.WARN))
    told = [_line(member) for member in members]
    told += [f"[+]{_plain(name)} excluded: ok" for name in report.excluded]
    if report.draining:
        told.insert(0, "[-]drain failed: draining")
    if report.unmatched:
        names = ",".join(f'"{_plain(name)}"' for name in report.unmatched)
        told.append(f"warn: some health checks cannot be excluded: no matches for {names}")
    return "\n".join([*told, f"{report.group} check {'failed' if report.status is Status.FAIL else 'passed'}", ""])


def _line(member: Member) -> str:
    state = member.state
    name, why = _plain(member.name), _plain(state.output or "no reason given")
    if state.status is Status.PASS:
        return f"[+]{name} ok"
    if state.status is Status.WARN:
        return f"[+]{name} warn: {why}"
    failed = "failed" if state.status is Status.FAIL else "unknown"
    return f"[-]{name} {failed}: {why}" + ("" if member.check.gates else " (does not gate)")


def _plain(text: str) -> str:
    """*text* on one line, with nothing that a terminal would act on."""
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(letter if letter.isprintable() else "?" for letter in line)
