"""Files that nobody else may write to, made and recognised."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, TypeAlias

from .store import StoreError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Identity", "check_folder", "create", "identity", "open_private"]

Identity: TypeAlias = tuple[int, int]
"""Device and inode: what a path names, whoever moves it."""


def identity(path: Path) -> Identity | None:
    """
    What *path* names, None if nothing.

    Raises:
        StoreError: a link, or no regular file: it was put there to lead somewhere else.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(f"{path}: not a regular file")
    return found.st_dev, found.st_ino


def check_folder(path: Path) -> None:
    """
    Look at where *path* lies.

    Raises:
        StoreError: there is no such folder, or everybody may put files there.
    """
    try:
        found = path.parent.stat()
    except OSError as error:
        raise StoreError(f"{path.parent}: {error.strerror}") from None
    # A sticky one too: what lies beside, the log and the lock, could be made by somebody else before us.
    if found.st_mode & stat.S_IWOTH:
        raise StoreError(f"{path.parent}: everybody may write there; a trail needs a folder of its own")


def create(path: Path) -> None:
    """
    Make *path* with mode 0600 if there is none.

    A file that exists is never opened here: to close it would take away the locks that SQLite has on it in this
    process (fcntl(2), the rule of POSIX).

    Raises:
        StoreError: it is no regular file, or everybody may write to it.
        OSError: it cannot be made.
    """
    check_folder(path)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        identity(path)
        if path.lstat().st_mode & stat.S_IWOTH:
            raise StoreError(f"{path}: everybody may write to it") from None
    else:
        _sync_folder(path)


def open_private(path: Path, flags: int) -> int:
    """
    A descriptor of *path*, made with mode 0600 if there is none.

    Raises:
        StoreError: it is no regular file, or everybody may write to it.
        OSError: it cannot be opened.
    """
    check_folder(path)
    new = identity(path) is None
    # O_NONBLOCK: a named pipe that nobody reads is an error, not the end of it.
    fd = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode) or found.st_mode & stat.S_IWOTH:
        os.close(fd)
        raise StoreError(f"{path}: not a regular file, or everybody may write to it")
    if new:
        _sync_folder(path)
    return fd


def _sync_folder(path: Path) -> None:
    """Have the name of a new file survive a crash."""
    fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
