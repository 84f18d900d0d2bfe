"""The figures of the audit trail, as prometheus_client wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from .counts import counts
from .standing import standings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prometheus_client.core import Metric

    from .anchors import AnchorState
    from .checkpoints import CheckpointState
    from .writer import State

__all__ = ["families"]


def families() -> Iterator[Metric]:
    """
    Events made, where there are any; and the state of all trails that have a store.

    Of several trails it is the sum, and the greatest age.
    """
    made = counts()
    if made:
        yield _events(made)
    found = standings()
    writers = [standing.writer.state() for standing in found]
    checkpointers = [standing.checkpointer.state() for standing in found if standing.checkpointer is not None]
    if writers:
        yield from _of_writers(writers)
    if checkpointers:
        yield from _of_checkpoints(checkpointers)
        yield from _of_anchors([anchor for state in checkpointers for anchor in state.anchors])


def _events(made: Mapping[tuple[str, str], int]) -> Metric:
    family = CounterMetricFamily("midwatch_audit_events", "Events made by this process.", labels=("kind", "outcome"))
    for labels, number in sorted(made.items()):
        family.add_metric(labels, number)
    return family


def _of_writers(states: Sequence[State]) -> Iterator[Metric]:
    yield _age("last_commit_age", "Since the store last took events.", [state.last_commit_age for state in states])
    failing = max(state.failing_for or 0.0 for state in states)
    yield GaugeMetricFamily(
        "midwatch_audit_store_failing_seconds", "For how long the store has failed; 0 while it works.", failing
    )
    yield _gauge("queue_events", "Events that wait in memory.", sum(state.items for state in states))
    yield _gauge("queue_bytes", "Bytes that they take.", sum(state.bytes for state in states))
    yield _gauge("spill_bytes", "Bytes that wait on disk for the store.", max(state.spill_bytes for state in states))
    yield _count("stored", "Events put into the store.", sum(state.stored for state in states))
    yield _count("spilled", "Events written to disk before.", sum(state.spilled for state in states))
    yield _count("store_errors", "How often the store failed.", sum(state.errors for state in states))
    yield _count("spill_errors", "How often the disk failed.", sum(state.spill_errors for state in states))
    dropped: dict[str, int] = {}
    for state in states:
        for rank, count in state.dropped.items():
            dropped[rank] = dropped.get(rank, 0) + count
    family = CounterMetricFamily("midwatch_audit_dropped", "Events lost, by what they were.", labels=("class",))
    for rank, count in sorted(dropped.items()):
        family.add_metric((rank,), count)
    yield family


def _of_checkpoints(states: Sequence[CheckpointState]) -> Iterator[Metric]:
    yield _age("checkpoint_age", "Since the last checkpoint, of whatever process.", [state.age for state in states])
    yield _count("checkpoints", "Checkpoints made by this process.", sum(state.made for state in states))
    yield _count("checkpoint_errors", "How often none could be made.", sum(state.errors for state in states))
    yield _gauge(
        "shrunk_streams", "Streams that have lost events which a checkpoint has.", sum(state.shrunk for state in states)
    )


def _of_anchors(states: Sequence[AnchorState]) -> Iterator[Metric]:
    labels = ("anchor",)
    age = GaugeMetricFamily(
        "midwatch_audit_anchor_age_seconds", "Since it took a checkpoint of this process.", labels=labels
    )
    failures = CounterMetricFamily("midwatch_audit_anchor_failures", "How often it took none.", labels=labels)
    conflicts = CounterMetricFamily(
        "midwatch_audit_anchor_conflicts", "How often it had another checkpoint of the same number.", labels=labels
    )
    # A name twice would make the page one that nobody can read.
    for name, state in sorted({state.name: state for state in states}.items()):
        if state.age is not None:
            age.add_metric((name,), state.age)
        failures.add_metric((name,), state.failures)
        conflicts.add_metric((name,), state.conflicts)
    return iter((age, failures, conflicts))


def _age(name: str, told: str, ages: Sequence[float | None]) -> Metric:
    known = [age for age in ages if age is not None]
    family = GaugeMetricFamily(f"midwatch_audit_{name}_seconds", told, labels=())
    if known:
        family.add_metric((), max(known))
    return family


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(f"midwatch_audit_{name}", told, value)


def _count(name: str, told: str, value: float) -> Metric:
    return CounterMetricFamily(f"midwatch_audit_{name}", told, value)
