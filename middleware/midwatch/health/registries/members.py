"""
The workers of one server, who are one instance: one of them speaks to the registry, and the last one says goodbye.

Both are locks on files in the directory that the workers share. A worker that dies gives them up.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING, Final, final

from ..drain.group import of_group, sweep

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Members"]

LONGEST: Final = 512
"""Bytes of a note."""


@final
class Members:
    """
    This worker among the others.

    Args:
        directory: Shared by the workers; None where this is the only one.
        name: Of what they share.
    """

    def __init__(self, directory: Path | None, name: str) -> None:
        self._directory = directory
        self._name = name
        self._member: int | None = None
        self._speaker: int | None = None

    def join(self) -> None:
        """Be one of them."""
        if self._member is None:
            if self._directory is not None:
                sweep(self._directory, "registry")
            self._member = self._locked("members", fcntl.LOCK_SH)

    def speaks(self) -> bool:
        """Whether this worker is the one who speaks; it becomes so when there is no other."""
        if self._directory is None:
            return True
        if self._speaker is None:
            self._speaker = self._locked("speaker", fcntl.LOCK_EX)
        return self._speaker is not None

    def leave(self) -> bool:
        """Be none of them any more; whether it was the last."""
        member, self._member = self._member, None
        if member is None:
            return True
        try:
            fcntl.flock(member, fcntl.LOCK_EX | fcntl.LOCK_NB)  # Two who leave at once: one of them gets it.
        except OSError:
            return False
        finally:
            os.close(member)
        return True

    def note(self, text: str) -> None:
        """Leave *text* to the others."""
        if self._speaker is not None:
            with contextlib.suppress(OSError):
                os.pwrite(self._speaker, text.encode()[:LONGEST].ljust(LONGEST), 0)

    def noted(self) -> str:
        """What the worker who speaks, or spoke, has left."""
        path = self._path("speaker")
        if path is None:
            return ""
        try:
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return ""
        try:
            return os.pread(file, LONGEST, 0).decode("utf-8", "replace").strip()
        except OSError:
            return ""
        finally:
            os.close(file)

    def forget(self) -> None:
        """Give up both: at the end, and in a forked child."""
        for file in (self._member, self._speaker):
            if file is not None:
                with contextlib.suppress(OSError):
                    os.close(file)
        self._member = self._speaker = None

    def _path(self, what: str) -> Path | None:
        return None if self._directory is None else of_group(self._directory, "registry", f"-{self._name}.{what}")

    def _locked(self, what: str, how: int) -> int | None:
        path = self._path(what)
        if path is None:
            return None
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError:
            return None
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return None
        return file
