"""What a destination may say to the channel in front of it."""

from __future__ import annotations

from typing import Protocol, TypeVar

__all__ = ["Keeper", "Later", "Refused"]

T = TypeVar("T")


class Refused(Exception):  # noqa: N818 - says what the destination did
    """The destination will never take this batch; it is dropped and not tried again."""


class Later(Exception):  # noqa: N818 - says what the destination did
    """The destination asks for a pause of so many seconds before the batch is tried again."""

    def __init__(self, seconds: float, why: str) -> None:
        super().__init__(why)
        self.seconds = seconds


class Keeper(Protocol[T]):
    """What a destination knows of items that it was handed and that may not have arrived yet."""

    def unsettled(self) -> int:
        """How many there are: they count as pending."""

    def settle(self, *, hurry: bool) -> bool:
        """
        Look after them while nothing else is to be sent; whether there is more to do at once.

        Args:
            hurry: There is a flush to finish: make sure of their arrival now.

        Raises:
            Exception: some may not have arrived; called again after a pause.
        """

    def give_up(self) -> list[T]:
        """Forget them, and hand them back, oldest first."""

    def forget(self) -> None:
        """Start afresh, in a forked child: they are the parent's, as the connection is."""
