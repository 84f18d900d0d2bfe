"""The findings that are kept of very many: the latest of each kind."""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

__all__ = ["Worst"]


@final
class Worst:
    """At most *most* findings of each kind."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kinds: dict[str, list[tuple[int, int, Finding]]] = {}
        self._numbers = count()

    def add(self, finding: Finding) -> None:
        """Keep it, unless as many later ones are there."""
        heap = self._kinds.setdefault(finding.kind, [])
        entry = (finding.until, next(self._numbers), finding)
        if len(heap) < self._most:
            heapq.heappush(heap, entry)
        else:
            heapq.heappushpop(heap, entry)

    def all(self) -> Iterator[Finding]:
        """All that were kept."""
        for heap in self._kinds.values():
            yield from (finding for _, _, finding in heap)
