"""How the checkpointer is doing, for health and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..anchors import AnchorState

__all__ = ["CheckpointState"]


class CheckpointState(NamedTuple):
    """
    One look at a checkpointer; what it says may be a moment apart.

    Attributes:
        leads: Whether this process makes the checkpoints.
        n: Number of the last checkpoint, of whatever process; None before the first.
        age: Seconds since its time; None before the first.
        every: Seconds after which there is another.
        made: How many this process made.
        errors: How often the store failed.
        failing_for: Seconds since it fails or does not answer; None if it works.
        shrunk: Streams that have lost events which a checkpoint has.
        anchors: Where this process has published them.
    """

    leads: bool
    n: int | None
    age: float | None
    every: float
    made: int
    errors: int
    failing_for: float | None
    shrunk: int
    anchors: tuple[AnchorState, ...]
