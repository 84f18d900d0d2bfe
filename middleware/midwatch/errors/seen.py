"""
Whether an exception object has been reported.

The same object comes again when it is raised through another door: an application that calls another one in process, or
a framework that notes an exception and then lets it out. An object that is raised once more in a later request (an
exception kept in a module) is another error. It is remembered for as long as it lives, and not kept alive: that would
keep its frames, and all that is in them. The built-in exceptions take no weak reference; they are marked.
"""

from __future__ import annotations

import os
import threading
import weakref
from time import perf_counter
from typing import Any, Final

__all__ = ["first_sight"]

MARK: Final = "__midwatch_reported__"

_known: dict[int, tuple[weakref.ref[BaseException], float]] = {}
_lock = threading.RLock()  # A signal handler may report, too.
_attributes = BaseException.__dict__["__dict__"].__get__


def first_sight(error: BaseException, started: float) -> bool:
    """Whether this object has not been asked about, in this process, since the clock *started* of its request."""
    key = id(error)
    now = perf_counter()
    with _lock:
        try:
            reference = weakref.ref(error, lambda _: _known.pop(key, None))
        except TypeError:
            attributes: dict[str, Any] = _attributes(error)
            # A copy, or one that was pickled, carries the mark of its original.
            known, when = attributes.get(MARK, (0, 0.0))
            attributes[MARK] = (key, now)
            return bool(known != key or when < started)
        known_reference, when = _known.get(key, (None, 0.0))
        _known[key] = (reference, now)
        return known_reference is None or known_reference() is not error or when < started


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_after_fork)
