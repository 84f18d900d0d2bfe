"""Names of files that the workers of one server share, in a directory that several servers may share."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["of_group", "sweep"]

MOST: Final = 256
"""Files of dead servers that are removed at once."""


def of_group(directory: Path, kind: str, end: str = "") -> Path:
    """The file of this server's workers."""
    # Only here: it brings the metrics with it, which not everybody has.
    from ...metrics.slots.group import own_group  # noqa: PLC0415

    group = own_group()
    return directory / f"{kind}-{group.pid}-{group.start}{end}"


def sweep(directory: Path, kind: str) -> None:
    """Remove the files of servers that are dead."""
    from ...metrics.slots.group import is_alive  # noqa: PLC0415

    name = re.compile(rf"{kind}-([0-9]{{1,10}})-([0-9]{{1,20}})\b.*").fullmatch
    try:
        for path in islice(directory.glob(f"{kind}-*"), MOST):
            match = name(path.name)
            if match is not None and not is_alive((int(match[1]), int(match[2]))):
                path.unlink(missing_ok=True)
    except OSError:
        return
