"""One method of one object, done differently: how a client that exists already is traced."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["around"]


def around(owner: Any, name: str, instead: Callable[..., Any]) -> None:
    """
    Have `owner.name(...)` do `instead(owner, inner, ...)`, with *inner* doing what it did; once for each name.

    *inner* is looked up when it is called: what a test or a library replaces later in the class still counts. The owner
    is not kept alive: connections are closed when their pool is forgotten, not when a collector finds the cycle.
    """
    own = vars(owner).get(name)
    if hasattr(own, "midwatch"):
        return
    kept = weakref.ref(owner)

    def replaced(*args: Any, **options: Any) -> Any:
        owner = kept()
        inner = own if own is not None else partial(getattr(type(owner), name), owner)
        return instead(owner, inner, *args, **options)

    replaced.midwatch = True  # type: ignore[attr-defined]
    # A session of aiohttp warns of attributes in development mode.
    object.__setattr__(owner, name, replaced)
