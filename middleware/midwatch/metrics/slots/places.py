"""Where the workers of a service find each other's figures."""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zlib import crc32

from .folder import numbers, open_slot, own, private
from .group import boot, is_alive, namespace, own_group, server
from .layout import Damaged
from .locks import held

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["default_directory", "shared_directory", "workers_hint"]

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - below it we keep to a directory of our own
MANY: Final = 256
"""Directories of services that have ended which are looked at in one start."""

_GROUP: Final = re.compile(r".+-(?P<space>[0-9]+)-(?P<boot>[0-9a-f]{8})-(?P<pid>[0-9]+)-(?P<start>[0-9]+)", re.ASCII)

logger = logging.getLogger("midwatch")


def default_directory(service_name: str) -> Path | None:
    """
    A directory for the workers of this service alone, that needs no setting.

    It is named by the service and by the process that made the workers, or this one if none did. Those of processes
    that have ended are removed. None, and a line in the log, where no directory can be made.
    """
    why = "no place"
    for place in _places():
        base = own(place)
        directory = base / _name(service_name)
        try:
            private(directory)
        except OSError as error:
            why = error.strerror or str(error)
            continue
        with suppress(Exception):
            _remove_ended(base)
        return directory
    logger.error(
        "metrics: no directory for figures that workers share: %s. Each worker shows its own; see setting "
        "metrics.directory",
        why,
    )
    return None


def shared_directory(given: Path, service_name: str) -> Path:
    """
    A directory for the workers of this service in *given*; if others may write there too, in one of this user's in it.

    Raises:
        ValueError: it cannot be used.
    """
    try:
        given = Path(given).absolute()
        with suppress(FileExistsError):
            given.mkdir(mode=0o700, parents=True)
        given = given.resolve()
        found = given.stat()
        if found.st_uid != os.geteuid() or found.st_mode & 0o022:
            given = own(given)
        private(given)
        given /= _plain(service_name)
        private(given)
        _try(given)
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"{given}: {getattr(error, 'strerror', None) or error}") from None
    return given


def workers_hint() -> str | None:
    """Why there may be other workers, for where nothing is shared; None if nothing tells."""
    why = server()
    return None if why is None else f"{why}, so there may be other workers; each shows its own figures only"


def _places() -> Iterator[Path]:
    if os.access(MEMORY, os.W_OK | os.X_OK):
        yield MEMORY
    with suppress(OSError):
        place = Path(tempfile.gettempdir())
        if place != Path.cwd():  # Where Python falls back to if it finds no better one: no place of ours.
            yield place


def _name(service: str) -> str:
    group = own_group()
    return f"{_plain(service)}-{namespace()}-{boot().hex()[:8]}-{group.pid}-{group.start}"


def _plain(service: str) -> str:
    """That of a service as one of a directory, with a checksum where both would be alike."""
    plain = re.sub(r"[^A-Za-z0-9_.]", "_", service)[:40] or "_"
    return f"{plain}-{crc32(service.encode('utf-8', 'replace')):08x}"


def _try(directory: Path) -> None:
    """
    Write there.

    Raises:
        OSError: that is not possible.
    """
    fd, path = tempfile.mkstemp(prefix=".new-", dir=directory)
    os.close(fd)
    Path(path).unlink(missing_ok=True)


def _remove_ended(base: Path) -> None:
    with os.scandir(base) as found:
        entries = [entry.path for _, entry in zip(range(MANY), found, strict=False)]
    for path in entries:
        group = _GROUP.fullmatch(Path(path).name)
        if group and _has_ended(Path(path), group):
            shutil.rmtree(path, ignore_errors=True)


def _has_ended(directory: Path, group: re.Match[str]) -> bool:
    """Of processes that cannot be seen from here, one knows by the locks only."""
    seen = int(group["space"]) == namespace() and group["boot"] == boot().hex()[:8]
    if seen and is_alive((int(group["pid"]), int(group["start"]))):
        return False
    present = numbers(directory)
    if not present and not seen:
        return group["boot"] != boot().hex()[:8]
    return not any(_is_held(directory, number) for number in present)


def _is_held(directory: Path, number: int) -> bool:
    """
    Whether somebody has that slot.

    Raises:
        OSError: it cannot be told.
    """
    try:
        fd = open_slot(directory, number)
    except Damaged:
        return False
    if fd is None:
        return False
    try:
        return held(fd)
    finally:
        os.close(fd)
