"""What verifying a store came to."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, TypeAlias

from ..event import utc

__all__ = ["Finding", "Findings", "Severity", "Verdict"]

Severity: TypeAlias = Literal["tampered", "unknown", "warning"]

State: TypeAlias = Literal["sound", "tampered", "unknown"]

MOST: Final = 200
"""Findings that are kept of each severity; the others are counted."""


@dataclass(slots=True)
class Finding:
    """
    One thing that is not as it should be.

    Attributes:
        what: In a word or two: altered, missing, ...
        where: Stream and event, or checkpoint.
        severity: `warning` leaves the verdict as it is.
        detail: In words, for a person.
        since: Nanoseconds since the epoch: a checkpoint says that until then it was as it should be; None if none does.
        stream, seq: Where, for programs.
    """

    what: str
    where: str
    severity: Severity
    detail: str
    since: int | None = None
    stream: str | None = None
    seq: int | None = None

    def __str__(self) -> str:
        since = "" if self.since is None else f"; it happened after {utc(self.since)}"
        return f"{self.severity}: {self.where}: {self.what}: {self.detail}{since}"

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it; what does not apply is left out."""
        said = {name: value for name, value in asdict(self).items() if value is not None}
        return said if self.since is None else {**said, "since": utc(self.since)}


@dataclass(slots=True)
class Findings:
    """What is found, within bounds."""

    kept: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def add(
        self,
        severity: Severity,
        what: str,
        where: str,
        detail: str,
        *,
        stream: str | None = None,
        seq: int | None = None,
    ) -> None:
        """Take one up."""
        count = self.counts[severity] = self.counts.get(severity, 0) + 1
        if count <= MOST:
            self.kept.append(Finding(what, where, severity, detail, None, stream, seq))

    def event(self, what: str, stream: str, seq: int, detail: str, severity: Severity = "tampered") -> None:
        """Take up one about an event."""
        self.add(severity, what, f"stream {stream[:8]}, event {seq}", detail, stream=stream, seq=seq)


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    The whole.

    Attributes:
        state: `unknown` if it cannot be judged.
        events, streams, checkpoints: How many were looked at.
        anchored: Events that a checkpoint covers which is known elsewhere; only these cannot be made anew.
        unanchored: The others.
        pruned: Events that were removed with a record.
        erased: Events whose detail was removed with a record.
        lost: Events that their process had to drop, by its own account.
        more: Findings beyond those that are kept.
    """

    state: State
    findings: tuple[Finding, ...]
    events: int = 0
    streams: int = 0
    open: int = 0
    checkpoints: int = 0
    anchored: int = 0
    unanchored: int = 0
    pruned: int = 0
    erased: int = 0
    lost: int = 0
    more: int = 0

    @property
    def exit_code(self) -> int:
        """0 for sound, 1 for tampered, 2 if it cannot be judged."""
        return {"sound": 0, "tampered": 1, "unknown": 2}[self.state]

    def text(self) -> str:
        """For people."""
        words = {"sound": "sound", "tampered": "TAMPERED WITH", "unknown": "cannot be judged"}[self.state]
        counts = (
            f"{self.events} events in {self.streams} streams ({self.open} open), {self.checkpoints} checkpoints;"
            f" {self.anchored} events anchored, {self.unanchored} not;"
            f" {self.pruned} pruned, {self.erased} erased, {self.lost} lost"
        )
        more = [f"and {self.more} more findings"] if self.more else []
        return "\n".join([f"{words}: {counts}", *map(str, self.findings), *more])

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        names = (
            "events",
            "streams",
            "open",
            "checkpoints",
            "anchored",
            "unanchored",
            "pruned",
            "erased",
            "lost",
            "more",
        )
        counts = {name: getattr(self, name) for name in names}
        return {"state": self.state, **counts, "findings": [finding.as_dict() for finding in self.findings]}
