"""One objective: what share of which requests should be answered well."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from ..routes import route_pattern

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ALL", "NEITHER", "Counted", "Objective", "burn_limit"]

NEITHER: Final = ("aborted", "overflow")
"""
`error_type` of requests that are neither good nor bad: their client left and nobody was there to be answered, or there
were too many series to tell them apart.
"""

ALL: Final = ("*",)
"""What an objective without routes is about."""

AT_MOST: Final = 0.5
"""Share of bad requests that always burns fast: under a low target, 14.4 times the budget is more than there can be."""


class Counted(Protocol):
    """
    Requests under one set of labels, of all workers, since they were first counted.

    Attributes:
        counts: Requests by bucket, not cumulative; the last bucket has no bound.
    """

    @property
    def method(self) -> str: ...
    @property
    def route(self) -> str | None: ...
    @property
    def status(self) -> str | int | None: ...
    @property
    def error_type(self) -> str | None: ...
    @property
    def counts(self) -> Sequence[float]: ...


@dataclass(frozen=True)
class Objective:
    """
    What share of which requests should be answered well.

    Args:
        name: Of one line; a label in Prometheus.
        match: Routes such as `"GET /orders/{id}"` (see `midwatch.routes`); none for all of them.
        within: Seconds within which a request is answered well; None if only errors are not.
        target: Share of requests that should be, above 0 and below 1.

    Raises:
        ValueError: one of them is none of these.
        TypeError: *match* is one string.
    """

    name: str
    match: tuple[str, ...] = ()
    within: float | None = None
    target: float = 0.99

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.name.isprintable():
            raise ValueError(f"objective {self.name!r}: a name of one line is needed")
        if not 0 < self.target < 1:
            raise ValueError(f"objective {self.name!r}: target {self.target} is not between 0 and 1")
        if self.within is not None and not 0 < self.within < math.inf:
            raise ValueError(f"objective {self.name!r}: within {self.within} is no number of seconds")
        given: object = self.match
        if isinstance(given, str):
            raise TypeError(f"objective {self.name!r}: match {given!r} is one string; give a tuple of routes")
        patterns = [route_pattern(route).fullmatch for route in self.match or ALL]
        object.__setattr__(self, "_patterns", patterns)

    def about(self, method: str, route: str) -> bool:
        """Whether requests of *method* that took *route* belong to it."""
        asked = f"{method} {route}"
        return any(matches(asked) is not None for matches in self.__dict__["_patterns"])

    def place(self, bounds: Sequence[float]) -> int:
        """
        How many buckets of the latency histogram are fast enough.

        Raises:
            ValueError: `within` is no bound of it, so that no bucket could tell.
        """
        if self.within is None:
            return len(bounds) + 1
        for index, bound in enumerate(bounds):
            if math.isclose(bound, self.within, rel_tol=1e-9):
                return index + 1
        below = [bound for bound in bounds if bound < self.within][-1:]
        above = [bound for bound in bounds if bound > self.within][:1]
        near = " and ".join(f"{bound:g}" for bound in (*below, *above))
        raise ValueError(
            f"objective {self.name!r}: within {self.within:g} is no bound of the latency histogram (metrics.buckets);"
            f" the nearest {'are' if below and above else 'is'} {near}"
        )


def burn_limit(factor: float, target: float) -> float:
    """The burn rate that is too much where *factor* is the usual limit, for an objective of *target*."""
    return min(factor, AT_MOST / (1 - target))
