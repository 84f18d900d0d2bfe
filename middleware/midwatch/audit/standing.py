"""Whether the trail of this process is in order, for the report of its health."""

from __future__ import annotations

import weakref
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol, final

from ..health.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .anchors import AnchorState
    from .checkpoints import CheckpointState
    from .writer import State

    class Written(Protocol):
        """What is read of a `Writer`."""

        def state(self) -> State: ...

    class Checked(Protocol):
        """What is read of a `Checkpointer`."""

        def state(self) -> CheckpointState: ...


__all__ = ["Standing", "standings"]

BLIP: Final = 5.0
"""Seconds that a store may fail, as one does whose lock somebody holds, before nothing counts as writable."""

LATE: Final = 60.0
"""Seconds that a checkpoint may be late, beyond three times the usual."""

RECENT: Final = 600.0
"""Seconds for which a loss is a concern. Later, the event `audit.gap` tells of it."""


@final
class Standing:
    """
    What is to be said of one trail; whoever shows figures finds it as long as somebody holds it.

    Args:
        writer: Of the trail.
        checkpointer: Of the trail, if it has one.
        strict: Whether there are requests that are not handled without the store.
        clock: Seconds; only differences count.
    """

    def __init__(
        self,
        writer: Written,
        checkpointer: Checked | None = None,
        *,
        strict: bool = False,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.writer, self.checkpointer = writer, checkpointer
        self._strict, self._clock = strict, clock
        self._lost, self._lost_at = 0, float("-inf")
        _standings.add(self)

    def check(self) -> Result:
        """
        For `HealthCheck(checks=...)`: fails where requests need the store and it takes nothing; warns of the rest.

        What is observed is how long ago the store last took events.
        """
        state = self.writer.state()
        checkpoints = None if self.checkpointer is None else self.checkpointer.state()
        concerns = [*self._of_writer(state), *(() if checkpoints is None else _of_checkpoints(checkpoints))]
        failing = state.failing_for is not None and state.failing_for >= BLIP
        status = "fail" if self._strict and failing else "warn" if concerns else "pass"
        age = state.last_commit_age
        said = "; ".join(concerns) or None
        return Result(status, said) if age is None else Result(status, said, round(age, 3), "s")

    def _of_writer(self, state: State) -> Iterator[str]:
        if state.failing_for is not None:
            yield f"the store has failed for {state.failing_for:.0f} s"
        if state.spill_bytes:
            yield f"{state.spill_bytes} bytes wait on disk"
        lost = sum(state.dropped.values())
        # Less than before: a forked child counts its own.
        if lost > self._lost:
            self._lost_at = self._clock()
        self._lost = lost
        if lost and self._clock() - self._lost_at < RECENT:
            yield f"{lost} events were lost"


def _of_checkpoints(state: CheckpointState) -> Iterator[str]:
    latest = 3 * state.every + LATE
    if state.shrunk:
        yield f"events that a checkpoint has are gone from {state.shrunk} streams: run `midwatch audit verify`"
    if state.failing_for is not None:
        yield f"no checkpoint can be made for {state.failing_for:.0f} s"
    elif state.age is not None and state.age > latest:
        yield f"the last checkpoint is {state.age:.0f} s old"
    for anchor in state.anchors:
        yield from _of_anchor(anchor, latest)


def _of_anchor(state: AnchorState, latest: float) -> Iterator[str]:
    if state.conflicts:
        yield f"{state.name} has another checkpoint of the same number: run `midwatch audit verify`"
    if state.failing:
        yield f"{state.name} fails"
    elif state.waiting and state.age is not None and state.age > latest:
        yield f"{state.name} has had no checkpoint for {state.age:.0f} s"


_standings: Final[weakref.WeakSet[Standing]] = weakref.WeakSet()


def standings() -> list[Standing]:
    """Of all trails of this process; may be asked while another thread makes one."""
    references = _standings.data.copy()  # type: ignore[attr-defined]
    return [standing for reference in references if (standing := reference()) is not None]
