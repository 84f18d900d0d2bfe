"""
Whether an exception object has been reported.

The same object comes again when it is raised through another door: an application that calls another one in process, or
a framework that notes an exception and then lets it out. It is remembered for as long as it lives, and not kept alive:
that would keep its frames, and all that is in them. The built-in exceptions take no weak reference; they are marked.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any, Final

__all__ = ["first_sight"]

MARK: Final = "__midwatch_reported__"

_known: dict[int, weakref.ref[BaseException]] = {}
_lock = threading.Lock()
_attributes = BaseException.__dict__["__dict__"].__get__


def first_sight(error: BaseException) -> bool:
    """Whether this object has not been asked about before, in this process."""
    key = id(error)
    try:
        found = weakref.ref(error, lambda _: _known.pop(key, None))
    except TypeError:
        return _marked(error)
    return _known.setdefault(key, found) is found


def _marked(error: BaseException) -> bool:
    attributes: dict[str, Any] = _attributes(error)
    with _lock:
        # A copy, or one that was pickled, carries the mark of its original.
        if attributes.get(MARK) == id(error):
            return False
        attributes[MARK] = id(error)
    return True
