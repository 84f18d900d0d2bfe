"""The last words of a process: what it could not deliver, for whoever reads its standard error."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from .counts import figures, spilled

if TYPE_CHECKING:
    from collections.abc import Collection

    from .counts import Counted

__all__ = ["tell_undelivered"]

_told: dict[str, int] = {}


def tell_undelivered(channels: Collection[Counted]) -> None:
    """Say once of each destination how much is left for it; what waits on disk is not lost."""
    kept = spilled(channels)
    for name, (pending, _, _) in figures(channels).items():
        if pending and not kept.get(name) and _told.get(name) != pending:
            _told[name] = pending
            with contextlib.suppress(Exception):  # There may be no standard error any more.
                sys.stderr.write(f"midwatch: {name}: {pending} not delivered when the process ended\n")
