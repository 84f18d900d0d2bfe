"""
Locks of open files (fcntl(2), "Open file description locks").

Unlike flock(2) they can be asked about without being taken; unlike those of POSIX they do not end with the first
descriptor of the file that a process closes. They end with the last copy of the descriptor: a forked child closes its.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from typing import Final

__all__ = ["held", "take"]

_FLOCK: Final = struct.Struct("hhqqi")
_WHOLE: Final = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


def take(fd: int) -> bool:
    """
    Lock the file, open for writing, unless somebody else has; never waits.

    Raises:
        OSError: the file system has no such locks.
    """
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _WHOLE)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def held(fd: int) -> bool:
    """
    Whether somebody has locked it, through another opening of the file.

    Raises:
        OSError: the file system has no such locks.
    """
    return bool(_FLOCK.unpack_from(fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _WHOLE))[0] != fcntl.F_UNLCK)
