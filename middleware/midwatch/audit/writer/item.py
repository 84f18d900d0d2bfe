"""One event on its way to its place in the chain."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Literal, TypeAlias, final

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ..draft import Draft
    from ..event import Body

__all__ = ["Ack", "Item", "Lost", "Mode", "Rank"]

Ack: TypeAlias = "Future[None]"

Mode: TypeAlias = Literal["strict", "durable", "async"]
"""
`strict`: the acknowledgement comes from the store alone. `durable`: from the store, or from the disk of this machine
once the store takes too long. `async`: there is none.
"""


class Rank(IntEnum):
    """What is dropped first, should there be no room: the lowest."""

    READ = 0
    WRITE = 1
    DURABLE = 2
    SECURITY = 3


class Lost(Exception):  # noqa: N818 - says what became of the event
    """The event is not kept, or not yet where it has to be. What is lost is counted, and recorded as `audit.gap`."""


@final
class Item:
    """
    An event, or a mark in the queue.

    Args:
        body: None for a mark, or as long as there is a *draft*.
        detail: Canonical JSON beside it.
        rank: What is dropped first.
        size: Bytes, roughly.
        due: When it is to be durable at the latest, by the monotonic clock.
        ack: Resolved when it is durable; None where nobody waits.
        strict: Only the store makes it so.
        ends: The mark that ends the stream.
        draft: What the event is to be made of.
    """

    __slots__ = ("ack", "body", "detail", "draft", "due", "ends", "rank", "size", "strict")

    def __init__(
        self,
        body: Body | None,
        detail: bytes | None,
        rank: Rank,
        size: int,
        due: float,
        ack: Ack | None,
        *,
        strict: bool = False,
        ends: bool = False,
        draft: Draft | None = None,
    ) -> None:
        self.body = body
        self.detail = detail
        self.rank = rank
        self.size = size
        self.due = due
        self.ack = ack
        self.strict = strict
        self.ends = ends
        self.draft = draft

    @property
    def mark(self) -> bool:
        """Whether it is no event."""
        return self.body is None and self.draft is None

    def made(self) -> tuple[Body, bytes | None]:
        """
        The event, and its detail.

        Raises:
            Exception: it cannot be made.
        """
        if self.draft is not None:
            return self.draft.made()
        return self.body or {}, self.detail
