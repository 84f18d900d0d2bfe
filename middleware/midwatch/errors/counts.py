"""How often each fingerprint was seen, for a bounded number of fingerprints."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final, final

__all__ = ["Counts"]

KEPT: Final = 1000


@final
class Counts:
    """
    Counts by fingerprint; the one not seen for the longest time is forgotten first.

    Args:
        kept: Fingerprints that are remembered.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, fingerprint: str) -> int:
        """Count one more; how many that makes."""
        with self._lock:
            count = self._counts[fingerprint] = self._counts.get(fingerprint, 0) + 1
            self._counts.move_to_end(fingerprint)
            if len(self._counts) > self._kept:
                self._counts.popitem(last=False)
        return count
