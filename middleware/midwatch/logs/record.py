"""A log record that is ready-made: making a `logging.LogRecord` costs more than all else that Midwatch does."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Any, final

import msgspec

from .line import RequestLine

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ReadyRecord"]


@final
class ReadyRecord(logging.LogRecord):
    """
    A record that carries its line; the formatter encodes it in one step.

    Handlers and filters find what they find in any record. What costs something (the message, the fields, process and
    thread) is made when somebody looks.

    Args:
        line: What will be written: a `RequestLine`, or fields in their order.
    """

    args = None
    exc_info = None
    exc_text = None
    stack_info = None
    pathname = filename = module = funcName = ""  # noqa: N815 - named by logging
    lineno = 0
    relativeCreated = 0.0  # noqa: N815 - named by logging
    processName = "MainProcess"  # noqa: N815 - named by logging
    taskName = None  # noqa: N815 - named by logging

    def __init__(self, logger: str, level: int, level_name: str, created: float, line: RequestLine | Mapping[str, Any]):
        self.name = logger
        self.levelno = level
        self.levelname = level_name
        self.created = created
        self.line = line

    @property
    def fields(self) -> Mapping[str, Any]:
        """The line as a mapping."""
        if isinstance(self.line, RequestLine):
            self.line = msgspec.to_builtins(self.line.finish())
        return self.line

    @property
    def msg(self) -> str:  # type: ignore[override]
        """The message of the line."""
        return str(self.line.finish().message if isinstance(self.line, RequestLine) else self.line["message"])

    def getMessage(self) -> str:  # noqa: N802 - named by logging
        """The message; it takes no arguments."""
        return self.msg

    @property
    def msecs(self) -> float:  # type: ignore[override]
        """Milliseconds of `created`."""
        return self.created * 1000 % 1000

    @property
    def process(self) -> int:  # type: ignore[override]
        """Process id."""
        return os.getpid()

    @property
    def thread(self) -> int:  # type: ignore[override]
        """Thread id."""
        return threading.get_ident()

    @property
    def threadName(self) -> str:  # type: ignore[override]  # noqa: N802 - named by logging
        """Name of the thread."""
        return threading.current_thread().name
