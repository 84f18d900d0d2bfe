"""What a destination of errors has to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..occurrence import Occurrence

__all__ = ["Destination"]


class Destination(Protocol):
    """
    Takes occurrences, in the thread where they occurred.

    What is sent is made there, since the exception must not be kept, and put into a channel; what is not sent costs
    nothing. An exception that it raises is counted, and nobody else notices.
    """

    def take(self, occurrence: Occurrence) -> None:
        """Send *occurrence*, or leave it."""

    def close(self, deadline: float) -> None:
        """Say what is left to say within *deadline* seconds; channels are flushed by others."""
