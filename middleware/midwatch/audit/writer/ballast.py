"""Room on the disk that is kept for the moment when there is none."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final, final

from ...delivery.segment import FLAGS

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BALLAST", "Ballast"]

BALLAST: Final = 8 << 20
"""Bytes of the file."""


@final
class Ballast:
    """A file of zeros, shared by all processes that use *folder*; a full disk has room again once it is deleted."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ballast"

    def keep(self) -> bool:
        """Make it, if it is missing; whether it is there."""
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | FLAGS, 0o600)
        except FileExistsError:
            return True
        except OSError:
            return False
        try:
            os.posix_fallocate(fd, 0, BALLAST)
        except OSError:
            # Half of it would be no room when it counts, and takes room now.
            self.release()
            return False
        finally:
            os.close(fd)
        return True

    def release(self) -> bool:
        """Delete it; whether that made room."""
        with contextlib.suppress(OSError):
            self._path.unlink()
            return True
        return False
