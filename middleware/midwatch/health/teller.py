"""Lines of the log that must cost nobody anything: a thread of their own says them, in order."""

from __future__ import annotations

import logging
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, final

from ..plugin import hook_failed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Teller"]

logger = logging.getLogger("midwatch.health")

MAX_UNTOLD: Final = 256
"""Lines kept while a log handler hangs."""


@final
class Teller:
    """Says what was noted; a log handler that hangs holds up one thread, and no check."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start without the thread and the lines of the parent, in a forked child."""
        self._untold: deque[Callable[[], None]] = deque(maxlen=MAX_UNTOLD)
        self._lock = threading.Lock()
        self._telling = False

    def note(self, level: int, message: str, *values: object, error: BaseException | None = None) -> None:
        """Have *message* logged soon."""
        self._untold.append(partial(logger.log, level, message, *values, exc_info=error))
        with self._lock:
            if self._telling:
                return
            self._telling = True
        try:
            threading.Thread(target=self._tell, name="midwatch-health-log", daemon=True).start()
        except RuntimeError:
            self._telling = False  # The next line takes this one along.

    def _tell(self) -> None:
        while True:
            try:
                line = self._untold.popleft()
            except IndexError:
                with self._lock:
                    if not self._untold:
                        self._telling = False
                        return
                continue
            try:
                line()
            except Exception:
                hook_failed(self._tell)
            del line  # It holds an exception, whose frames may hold a connection.
