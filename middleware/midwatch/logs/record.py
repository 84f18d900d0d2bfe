"""A log record that is ready-made: making a `logging.LogRecord` costs more than all else that Midwatch does."""

from __future__ import annotations

import logging
import os
import threading
from typing import Any, final

__all__ = ["ReadyRecord"]


@final
class ReadyRecord(logging.LogRecord):
    """
    A record that carries its fields; the formatter encodes them in one step.

    Handlers and filters find what they find in any record: the fields are attributes too, and what needs asking
    (process, thread) is asked when somebody looks.

    Attributes:
        fields: What the line will hold, in order.
    """

    args = None
    exc_info = None
    exc_text = None
    stack_info = None
    pathname = filename = module = funcName = ""  # noqa: N815 - named by logging
    lineno = 0
    relativeCreated = 0.0  # noqa: N815 - named by logging
    taskName = None  # noqa: N815 - named by logging

    def __init__(self, logger: str, level: int, level_name: str, message: str, created: float, line: Any) -> None:
        self.name = logger
        self.levelno = level
        self.levelname = level_name
        self.msg = message
        self.created = created
        self.line = line

    @property
    def msecs(self) -> float:  # type: ignore[override]
        """Milliseconds of `created`."""
        return self.created * 1000 % 1000

    @property
    def process(self) -> int:  # type: ignore[override]
        """Process id."""
        return os.getpid()

    @property
    def processName(self) -> str:  # type: ignore[override]  # noqa: N802 - named by logging
        """Name of the process, as multiprocessing knows the main one."""
        return "MainProcess"

    @property
    def thread(self) -> int:  # type: ignore[override]
        """Thread id."""
        return threading.get_ident()

    @property
    def threadName(self) -> str:  # type: ignore[override]  # noqa: N802 - named by logging
        """Name of the thread."""
        return threading.current_thread().name

    def getMessage(self) -> str:  # noqa: N802 - named by logging
        """The message; it takes no arguments."""
        return str(self.msg)
