"""Events that leave the store: gzip'd JSON lines, and a manifest beside them."""

from __future__ import annotations

import gzip
import os
from hashlib import sha256
from typing import TYPE_CHECKING, Final, final

from .canonical import canonical
from .stores.lines import event_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .row import Row

__all__ = ["Portable"]

BLOCK: Final = 1 << 20


@final
class Portable:
    """
    A file of events, readable by its owner only; `midwatch audit verify` takes its lines.

    Args:
        path: Must not exist.

    Attributes:
        digest: SHA-256 of the file in hexadecimal, once it is finished.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.digest = ""
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
        self._lines = gzip.GzipFile(fileobj=self._file, mode="wb", filename="", mtime=0)

    def add(self, row: Row) -> None:
        """Take an event."""
        self._lines.write(event_line(row))

    def finish(self, streams: Sequence[tuple[str, int, bytes, int]]) -> None:
        """
        Have it on the disk, with its manifest.

        Args:
            streams: Of each its name, its last event, the chain value there, and how many events there are.
        """
        self._lines.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        whole = sha256()
        with self._path.open("rb") as file:
            while block := file.read(BLOCK):
                whole.update(block)
        self.digest = whole.hexdigest()
        said = [
            {"chain": chain.hex(), "count": count, "stream": name, "upto": upto} for name, upto, chain, count in streams
        ]
        manifest = self._path.with_name(f"{self._path.name}.manifest.json")
        data = canonical({"file": self._path.name, "sha256": self.digest, "streams": said}) + b"\n"
        with os.fdopen(os.open(manifest, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def abandon(self) -> None:
        """It is of no use."""
        self._lines.close()
        self._file.close()
        self._path.unlink(missing_ok=True)
