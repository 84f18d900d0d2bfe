"""What is worth a look, and from which numbers on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias

__all__ = ["ORDER", "Finding", "Severity", "Thresholds"]

Severity: TypeAlias = Literal["high", "medium", "low"]

ORDER: Final[dict[Severity, int]] = {"high": 0, "medium": 1, "low": 2}
"""For sorting: the worst first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """
    Something that somebody should look at; it proves nothing.

    Attributes:
        kind: `auth-burst`, `spraying`, `stuffing`, `failures-then-success`, `new-address`, `new-action`, `new-client`,
            `unusual-hour`, `volume-spike`, `dormant` or `mass-read`.
        severity: How likely it is to matter.
        subject: The actor or the address, as the trail says it: escape it before it is shown.
        sentence: What happened, with its numbers; holds what the trail says, too.
        since, until: When, in nanoseconds since the epoch.
        numbers: The same numbers by name.
        events: Ids of the events behind it, at most `Thresholds.ids`.
    """

    kind: str
    severity: Severity
    subject: str
    sentence: str
    since: int
    until: int
    numbers: dict[str, int | float | str]
    events: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """
    From when on something is worth a look.

    Attributes:
        window: Seconds within which failures belong together.
        burst: Failed authentications of one actor, or from one address, within the window.
        spray: Actors that one address fails to be, within the window.
        stuffing: Addresses from which one actor fails, within the window.
        guesses: Failures before a success, within the window.
        known: Days after which what an actor does for the first time is news.
        roaming: Addresses, actions or clients beyond which one more is no news.
        rare: Share of an actor's events below which an hour of the week is unusual (with the hours beside it).
        habit: Events, and `habit_days` days, before an actor has habits at all.
        spike: Deviations (1.4826 times the median absolute deviation) above the median of the 14 days before.
        spike_events: Events of a day below which it is no spike.
        dormant: Days without any event.
        mass: Distinct resources of one actor within an hour.
        history: Days before the wanted ones that habits are learnt from.
        most: Findings of one kind.
        ids: Events named by one finding.
    """

    window: float = 600
    burst: int = 10
    spray: int = 5
    stuffing: int = 5
    guesses: int = 5
    known: float = 7
    roaming: int = 20
    rare: float = 0.01
    habit: int = 50
    habit_days: int = 14
    spike: float = 6
    spike_events: int = 50
    dormant: float = 60
    mass: int = 200
    history: float = 90
    most: int = 50
    ids: int = 20
