"""The directory of the slots: this user's alone, and read with care."""

from __future__ import annotations

import errno
import os
import re
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from .layout import Damaged

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FLAGS", "MANY", "numbers", "of_this_user", "open_slot", "own", "private"]

MANY: Final = 4096
"""Slots of one directory."""

_NAME: Final = re.compile(r"slot-(0|[1-9][0-9]{0,5})", re.ASCII)
FOREIGN: Final = frozenset({errno.ELOOP, errno.ENXIO, errno.EISDIR, errno.EACCES})
"""What a link, a socket or pipe, a directory, and a file of somebody else say when they are opened."""

FLAGS: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

_BASE: Final = "midwatch-"


def own(place: Path) -> Path:
    """The directory in *place* that is this user's."""
    return place / _base()


def of_this_user(directory: Path) -> Path:
    """*directory*; if it is below the `own` of another user, as of a master that has given up its rights, in ours."""
    for there in (directory, directory.parent):
        if re.fullmatch(_BASE + "[0-9]+", there.name, re.ASCII) and there.name != _base():
            return there.with_name(_base()) / directory.relative_to(there)
    return directory


def _base() -> str:
    return f"{_BASE}{os.geteuid()}"


def private(directory: Path) -> None:
    """
    Make *directory* if there is none, for this user alone.

    Raises:
        OSError: it cannot be made, is no directory, or others could put files there.
    """
    if directory.parent.name == _base():
        private(directory.parent)
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700, parents=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(f"{directory}: a link, or no directory")
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermissionError(f"{directory}: somebody else's, or others may write there")


def numbers(directory: Path) -> list[int]:
    """
    The slots there are, ascending.

    Raises:
        OSError: the directory cannot be read.
    """
    with os.scandir(directory) as found:
        names = [_NAME.fullmatch(entry.name) for entry in found]
    return sorted(int(name[1]) for name in names if name)[:MANY]


def open_slot(directory: Path, number: int, flags: int = os.O_RDONLY) -> int | None:
    """
    A descriptor of a slot's file, None if there is none.

    Raises:
        Damaged: it is no file of this user.
        OSError: it cannot be opened.
    """
    try:
        fd = os.open(directory / f"slot-{number}", flags | FLAGS)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in FOREIGN:
            raise Damaged(error.strerror) from None
        raise
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        os.close(fd)
        raise Damaged("somebody else's, or no file")
    return fd
