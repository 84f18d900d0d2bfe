"""The kinds of places: the log, a file, a URL, another database."""

from __future__ import annotations

import fcntl
import logging
import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, final

from ...delivery import Refused
from ...logs.record import ReadyRecord
from ...posting import Poster
from ..destinations import LOGGER
from ..stores import Checkpoint
from ..stores.private import open_private
from .anchor import Conflict
from .published import KIND

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..stores import Store
    from .published import Published

__all__ = ["Database", "File", "Log", "Web"]

TIMEOUT: Final = 10.0

logger = logging.getLogger("midwatch")


@final
class Log:
    """
    Lines of the logger `midwatch.audit`, whose handlers send them where all others go.

    Args:
        fields: That every line of the service has.
    """

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = dict(fields)
        self._warned = False

    def publish(self, published: Published) -> None:
        audit = logging.getLogger(LOGGER)
        if (audit.disabled or not audit.hasHandlers()) and not self._warned:
            self._warned = True
            logger.warning(
                "audit trail: the logger %r is disabled or has no handler; no checkpoint is anchored", LOGGER
            )
        line: dict[str, Any] = {
            "timestamp": published.fields()["time"],
            "level": "INFO",
            "logger": LOGGER,
            "message": f"{KIND} {published.n} of {published.log}",
            **self._fields,
            "audit": published.fields(),
        }
        # Not by its level, which is about verbosity: handlers decide.
        audit.handle(ReadyRecord(LOGGER, logging.INFO, "INFO", published.time * 1e-9, line))

    def forget(self) -> None: ...


@final
class File:
    """
    Lines of a file that is only appended to, also where the system allows nothing else (`chattr +a`).

    It is opened for each line: once a minute costs nothing, and a mount may come and go.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def publish(self, published: Published) -> None:
        fd = open_private(self._path, os.O_RDWR | os.O_APPEND)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            size = os.fstat(fd).st_size
            torn = size and os.pread(fd, 1, size - 1) != b"\n"
            data = memoryview((b"\n" if torn else b"") + published.line() + b"\n")
            while data:
                data = data[os.write(fd, data) :]
            os.fsync(fd)
        finally:
            os.close(fd)

    def forget(self) -> None: ...


@final
class Web:
    """
    A URL that takes each line as the body of a POST. 409 says that it has another checkpoint of that number.

    Raises:
        ValueError: no URL; says so without credentials.
    """

    def __init__(self, url: str) -> None:
        self._poster = Poster(url, {"content-type": "application/json"}, TIMEOUT, heard=self._heard)
        self._status = 0
        self.name = self._poster.place

    def _heard(self, status: int, _headers: object) -> None:
        self._status = status

    def publish(self, published: Published) -> None:
        self._status = 0
        try:
            self._poster.post(published.line())
        except Refused:
            if self._status == HTTPStatus.CONFLICT:
                raise Conflict(f"{self.name}: has another checkpoint {published.n}") from None
            raise

    def forget(self) -> None: ...


@final
class Database:
    """Another store, of which only the checkpoints are used; one for each trail, since they are numbered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._opened = False

    def publish(self, published: Published) -> None:
        made = Checkpoint(
            published.n,
            published.time,
            published.payload.encode(),
            bytes.fromhex(published.digest),
            None if published.signature is None else bytes.fromhex(published.signature),
            published.key_id,
        )
        try:
            if not self._opened:
                self._store.open()
                self._opened = True
            if not self._store.add_checkpoint(made):
                self._compare(made)
        except Conflict:
            raise
        except Exception:
            self._opened = False
            raise

    def _compare(self, made: Checkpoint) -> None:
        there = self._store.checkpoints(made.n - 1, 1)
        if not there or there[0].n != made.n or there[0].payload != made.payload:
            raise Conflict(f"{self._store.name}: has another checkpoint {made.n}")

    def forget(self) -> None:
        self._opened = False
