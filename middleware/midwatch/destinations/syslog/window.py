"""What was sent on a connection and may not have been read there."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple, final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..entry import Shipped

__all__ = ["Sent", "Window"]

MOST_ITEMS: Final = 2_000
MOST_BYTES: Final = 1 << 20
"""How much may be in doubt; a batch more, for a moment."""


class Sent(NamedTuple):
    """One line that was sent: as it was queued, as it was sent, and when, on the monotonic clock."""

    item: Shipped
    frame: bytes
    at: float


@final
class Window:
    """Lines in the order in which they were sent. Its length may be asked for by any thread."""

    def __init__(self) -> None:
        self._sent: deque[Sent] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._sent)

    @property
    def full(self) -> bool:
        """Whether there is more than should be in doubt."""
        return len(self._sent) > MOST_ITEMS or self._bytes > MOST_BYTES

    @property
    def frames(self) -> Iterator[bytes]:
        """All of them, to be sent again."""
        return (sent.frame for sent in self._sent)

    def add(self, fresh: Iterable[Sent]) -> None:
        """Put *fresh* behind."""
        for sent in fresh:
            self._sent.append(sent)
            self._bytes += len(sent.frame)

    def release(self, until: float) -> None:
        """Take out what was sent by then: it has been read."""
        while self._sent and self._sent[0].at <= until:
            self._bytes -= len(self._sent.popleft().frame)

    def clear(self) -> list[Shipped]:
        """Take everything out, as it was queued, oldest first."""
        sent, self._sent, self._bytes = self._sent, deque(), 0
        return [each.item for each in sent]
