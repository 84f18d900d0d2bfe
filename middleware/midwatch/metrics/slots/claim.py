"""How a process comes by a slot: the lowest that nobody has, or a new one."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final

from .file import SlotFile
from .folder import FLAGS, MANY, numbers, open_slot, private
from .group import boot, is_alive, own_group
from .layout import FIRST, HEADER, Damaged, head, new_header
from .locks import held, take

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["claim"]

PATIENCE: Final = 0.25
"""Seconds to wait for those who claim at the same time. One that was stopped meanwhile is not waited for longer."""

PAUSE: Final = 0.002


def claim(directory: Path) -> tuple[SlotFile, int]:
    """
    A slot for this process, and how many damaged files made way for it.

    If nobody has a slot, and those who made the processes that had one are gone too, the service was stopped as a
    whole: what it counted is removed, as if it had been kept in memory.

    Raises:
        OSError: the directory cannot be used.
    """
    private(directory)
    with _turn(directory):
        _sweep(directory)
        for number in _ended(directory, numbers(directory)):
            _remove(directory, number)
        lost = 0
        group = own_group()
        for number in numbers(directory):
            try:
                if file := _inherited(directory, number, group):
                    return file, lost
            except Damaged:
                lost += _remove(directory, number)
        return _made(directory, group), lost


@contextmanager
def _turn(directory: Path) -> Iterator[None]:
    """
    Claim one after the other.

    This keeps the number of files down and lets one alone see that the service had been stopped. Each file has a lock
    of its own besides, so that nothing breaks if it is not waited for.
    """
    fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | FLAGS, 0o600)
    try:
        until = monotonic() + PATIENCE
        while not take(fd) and monotonic() < until:
            sleep(PAUSE)
        yield
    finally:
        os.close(fd)


def _sweep(directory: Path) -> None:
    """Remove what was being made by processes that were killed."""
    for path in directory.glob(".new-*"):
        with suppress(OSError):
            fd = os.open(path, os.O_RDWR | FLAGS)
            try:
                if take(fd):
                    path.unlink()
            finally:
                os.close(fd)


def _ended(directory: Path, present: list[int]) -> list[int]:
    """All that can be read, if nobody has any and none is of a group that lives; else none."""
    here = boot()
    found = []
    for number in present:
        try:
            fd = open_slot(directory, number)
        except Damaged:
            continue
        if fd is None:
            continue
        try:
            if held(fd):
                return []
            file = head(os.pread(fd, HEADER, 0), os.fstat(fd).st_size)
            if file.boot == here and is_alive(file.group):
                return []
            found.append(number)
        except Damaged:
            continue
        finally:
            os.close(fd)
    return found


def _inherited(directory: Path, number: int, group: tuple[int, int]) -> SlotFile | None:
    """The slot of that number, None if somebody has it."""
    fd = open_slot(directory, number, os.O_RDWR)
    if fd is None:
        return None
    path = directory / f"slot-{number}"
    try:
        if take(fd) and os.path.samestat(os.fstat(fd), path.lstat()):
            file = SlotFile(path, number, fd, group)
            fd = -1
            return file
    except FileNotFoundError:
        pass
    finally:
        if fd >= 0:
            os.close(fd)
    return None


def _remove(directory: Path, number: int) -> bool:
    """Remove a file unless somebody has it; whether that was done."""
    path = directory / f"slot-{number}"
    try:
        fd = open_slot(directory, number, os.O_RDWR)
    except Damaged:
        fd = -1
    if fd is None:
        return False
    try:
        if fd < 0 or (take(fd) and os.path.samestat(os.fstat(fd), path.lstat())):
            path.unlink()
            return True
    except OSError:  # A directory of that name, or one who was faster.
        pass
    finally:
        if fd >= 0:
            os.close(fd)
    return False


def _made(directory: Path, group: tuple[int, int]) -> SlotFile:
    made = secrets.randbits(63)
    path = directory / f".new-{os.getpid()}-{made:x}"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | FLAGS, 0o600)
    try:
        take(fd)
        os.posix_fallocate(fd, 0, FIRST)
        os.pwrite(fd, new_header(boot(), made), 0)
        for number in range(MANY):
            try:
                os.link(path, directory / f"slot-{number}")
            except FileExistsError:
                continue
            file = SlotFile(directory / f"slot-{number}", number, fd, group)
            fd = -1
            return file
    finally:
        path.unlink(missing_ok=True)
        if fd >= 0:
            os.close(fd)
    raise FileExistsError(f"{directory}: {MANY} slots are taken")
