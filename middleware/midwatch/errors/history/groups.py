"""All occurrences of a fingerprint together, of a bounded number of fingerprints."""

from __future__ import annotations

from itertools import pairwise
from os.path import commonprefix
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .line import Seen

__all__ = ["OTHERS", "Group", "Groups"]

GROUPS: Final = 2000
"""Fingerprints that are remembered; of more, the oldest and rarest are forgotten."""

IDS: Final = 200_000
"""Requests that are remembered, to count each of them once."""

ROUTES: Final = 32
TRACES: Final = 10
SERVICES: Final = 16
"""What one group names; of traces the latest."""

DIGITS: Final = (8, 32)
"""Characters of a fingerprint that are shown, at least and at most."""

OTHERS: Final = "others"
"""Stands for the routes that were too many."""


class Group:
    """
    All occurrences of one fingerprint. Times are nanoseconds since the epoch, 0 where unknown.

    Attributes:
        count: Lines.
        requests: Requests that failed with it.
        latest: The occurrence with the latest time.
        routes: How often, by method and route.
        traces: Ids, the latest last.
        services: Who said so.
    """

    __slots__ = ("count", "fingerprint", "first", "latest", "requests", "routes", "services", "traces")

    def __init__(self, seen: Seen) -> None:
        self.fingerprint = seen.fingerprint
        self.count = self.requests = 0
        self.first = seen.time
        self.latest = seen
        self.routes: dict[str, int] = {}
        self.traces: dict[str, None] = {}
        self.services: dict[str, None] = {}

    @property
    def name(self) -> str:
        """The fingerprint without its version, which all of them have alike."""
        return self.fingerprint.partition(":")[2] or self.fingerprint

    @property
    def last(self) -> int:
        """When it occurred last."""
        return self.latest.time

    def add(self, seen: Seen, *, new: bool) -> None:
        """Take *seen* into account; whether its request is a *new* one."""
        self.count += 1
        self.requests += new
        if seen.time:
            self.first = min(self.first or seen.time, seen.time)
        if seen.time >= self.latest.time:
            self.latest = seen
        if seen.route:
            route = f"{seen.method} {seen.route}".strip()
            route = route if route in self.routes or len(self.routes) < ROUTES else OTHERS
            self.routes[route] = self.routes.get(route, 0) + 1
        if seen.trace_id:
            self.traces.pop(seen.trace_id, None)
            self.traces[seen.trace_id] = None
            if len(self.traces) > TRACES:
                del self.traces[next(iter(self.traces))]
        if seen.service and len(self.services) < SERVICES:
            self.services[seen.service] = None


class Groups:
    """
    The groups of some occurrences, in bounded memory.

    Args:
        occurrences: All that there are, in any order.
        prefix: Only fingerprints that begin so; their version may be left out. Without one, no stack is kept.
        since: Only what occurred then or later, nanoseconds since the epoch.

    Attributes:
        occurrences: How many were counted.
        forgotten: Groups that were too many.
    """

    def __init__(self, occurrences: Iterable[Seen], prefix: str = "", since: int = 0, limit: int | None = None) -> None:
        self._groups: dict[str, Group] = {}
        self._limit = limit or GROUPS
        self.occurrences = self.forgotten = 0
        known: set[int] = set()
        for seen in occurrences:
            if seen.time < since or not _begins(seen.fingerprint, prefix):
                continue
            if not prefix:
                seen = seen._replace(stack="")
            asked = seen.request_id or seen.trace_id
            request = hash((seen.fingerprint, asked))
            self._group(seen).add(seen, new=bool(asked) and request not in known)
            self.occurrences += 1
            if asked and len(known) < IDS:
                known.add(request)

    def __len__(self) -> int:
        return len(self._groups)

    def _group(self, seen: Seen) -> Group:
        group = self._groups.get(seen.fingerprint)
        if group is None:
            if len(self._groups) >= self._limit:
                self._forget()
            group = self._groups[seen.fingerprint] = Group(seen)
        return group

    def _forget(self) -> None:
        """Make room: the latest stay, and the most frequent."""
        kept = {group.fingerprint: group for group in (*self.latest(self._limit // 2), *self.most(self._limit // 4))}
        self.forgotten += len(self._groups) - len(kept)
        self._groups = kept

    def latest(self, count: int) -> list[Group]:
        """The *count* that occurred last, in that order."""
        return sorted(self._groups.values(), key=lambda group: group.last)[-count:] if count else []

    def most(self, count: int) -> list[Group]:
        """The *count* that occurred most often, the most frequent last."""
        return sorted(self._groups.values(), key=lambda group: (group.count, group.last))[-count:] if count else []

    def digits(self) -> int:
        """How many characters tell their names apart."""
        names = sorted(group.name for group in self._groups.values())
        least, most = DIGITS
        same = (len(commonprefix(pair)) for pair in pairwise(names))  # noqa: RUF071 - characters, and no paths
        return min(max([least, *(length + 1 for length in same)]), most)


def _begins(fingerprint: str, prefix: str) -> bool:
    return fingerprint.startswith(prefix) or fingerprint.partition(":")[2].startswith(prefix)
