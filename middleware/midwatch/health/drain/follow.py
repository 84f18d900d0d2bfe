"""What a process drains after without being asked itself: a file, and a request to another worker."""

from __future__ import annotations

import errno
import threading
from time import time
from typing import TYPE_CHECKING, Final, final

from ...plugin import hook_failed
from .checked import LONGEST
from .state import FILE

if TYPE_CHECKING:
    from pathlib import Path

    from .marker import Marker
    from .state import State

__all__ = ["Follow"]

LOOK: Final = 0.5
"""Seconds between two looks."""

ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
"""What the system says of a path that leads to nothing; anything else says nothing of it."""


@final
class Follow:
    """
    Looks whether to drain.

    Args:
        state: What it changes.
        delay: Seconds of a drain that a file begins.
        file: The process drains while it is there.
        marker: What the workers share.
    """

    def __init__(self, state: State, delay: float, file: Path | None, marker: Marker | None) -> None:
        self._state = state
        self._delay = delay
        self._file = file
        self._marker = marker
        self._marked = self._dropped = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, reason: str, seconds: float) -> bool:
        """Drain, and have the other workers do so; False where this one does already."""
        with self._state.lock:
            if self._state.begun is not None:
                return False
            # First: a look between the two would find that nobody is to drain any more.
            self._marked = self._marker is not None and self._marker.make(time() + seconds)
            return self._state.begin(reason, seconds)

    def end(self) -> bool:
        """Go on, and have the other workers do so; False while the file is there."""
        with self._state.lock:
            if self._is_there():
                return False
            if self._marker is not None:
                self._marker.remove()
            self._marked = False
            self._state.end()
            return True

    def look(self) -> None:
        """Begin and end what the file and the other workers begin and end."""
        there = self._is_there()
        with self._state.lock:
            begun = self._state.begun
            until = None if self._marker is None else self._marker.standing()
            if begun is None and there:
                self._state.begin(FILE, self._delay)
            elif begun is None and until is not None:
                self._marked = self._state.begin("another worker", max(0.0, min(until - time(), LONGEST)))
            elif begun is not None and there is False and until is None and (self._marked or begun.reason == FILE):
                self._marked = False
                self._state.end()

    def _is_there(self) -> bool | None:
        """Whether the file is; None where nobody can tell, which begins no drain and ends none."""
        if self._file is None:
            return False
        try:
            self._file.stat()
        except OSError as error:
            return False if error.errno in ABSENT else None
        except ValueError:
            return False  # No file can have such a name.
        return True

    def start(self) -> None:
        """Look now, and from now on."""
        if self._file is None and self._marker is None:
            return
        self._dropped = False
        self.look()
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._look_on, args=(self._stop,), name="midwatch-drain-watch", daemon=True
        )
        self._thread.start()

    def stop(self, deadline: float) -> None:
        """Look no more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(deadline)
        if self._marker is not None:
            self._marker.forget()

    def let_go(self) -> None:
        """Look no more, soon; takes no lock."""
        self._dropped = True

    def forget(self) -> None:
        """Start afresh, in a forked child."""
        self._thread, self._marked = None, False
        if self._marker is not None:
            self._marker.forget()

    def _look_on(self, stop: threading.Event) -> None:
        while not stop.wait(LOOK) and not self._dropped:
            try:
                self.look()
            except Exception:
                hook_failed(self.look)
        if self._dropped and self._marker is not None:
            self._marker.forget()
