"""All channels of this process, for who flushes, forks and shows them."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .channel import Channel

__all__ = ["Channels"]


@final
class Channels(weakref.WeakSet["Channel[Any]"]):
    """Channels that somebody holds; may grow in one thread while another one goes through it."""

    def __iter__(self) -> Iterator[Channel[Any]]:
        references = self.data.copy()  # type: ignore[attr-defined]
        return iter([channel for reference in references if (channel := reference()) is not None])
