"""The health of the service as figures, as prometheus_client wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from .engine import engines
from .result import ORDER, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.core import Metric

    from .probe import State

__all__ = ["families"]

STATUS: Final = "health_check_status", "1 passes, 0.5 warns, 0 fails or is too old to say anything."
DURATION: Final = "health_check_duration_seconds", "How long the latest run took."
LAST_RUN: Final = "health_check_last_run_timestamp_seconds", "When the latest run ended."
CHANGES: Final = "health_transitions", "How often a check came to be what."
STATE: Final = "health_state", "Of a group of checks: 1 passes, 0.5 warns, 0 fails."

VALUES: Final = {Status.PASS: 1.0, Status.WARN: 0.5, Status.UNKNOWN: 0.0, Status.FAIL: 0.0}


def families() -> Iterator[Metric]:
    """
    Of each check and each group in this process, where there are checks.

    Of several checks of one name it is the worst. A check that was never run has no figures yet.
    """
    found = [engine for engine in engines() if engine.probes]
    if not found:
        return
    states: dict[str, State] = {}
    groups: dict[str, Status] = {}
    changes: dict[tuple[str, str], int] = {}
    for engine in found:
        try:
            known, statuses = dict(engine.states()), dict(engine.statuses())
        except Exception:  # noqa: S112 - a broken clock; whoever asks for its state is told that it fails
            continue
        for name, state in known.items():
            if name not in states or ORDER.index(state.status) > ORDER.index(states[name].status):
                states[name] = state
        for name, status in statuses.items():
            groups[name] = max(status, groups.get(name, status), key=ORDER.index)
        for key, times in engine.transitions():
            changes[key] = changes.get(key, 0) + times
    yield from _of_checks(states)
    yield _of_changes(changes)
    yield _gauge(STATE, "group", ((name, VALUES[status]) for name, status in sorted(groups.items())))


def _of_checks(states: dict[str, State]) -> Iterator[Metric]:
    known = [
        (name, state, state.reading.seconds) for name, state in sorted(states.items()) if state.reading is not None
    ]
    yield _gauge(STATUS, "check", ((name, VALUES[state.status]) for name, state, _ in known))
    yield _gauge(DURATION, "check", ((name, seconds) for name, _, seconds in known))
    yield _gauge(LAST_RUN, "check", ((name, state.wall) for name, state, _ in known))


def _of_changes(changes: dict[tuple[str, str], int]) -> Metric:
    family = CounterMetricFamily(*CHANGES, labels=("check", "to"))
    for labels, times in sorted(changes.items()):
        family.add_metric(labels, times)
    return family


def _gauge(named: tuple[str, str], label: str, samples: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(*named, labels=(label,))
    for value, sample in samples:
        family.add_metric((value,), sample)
    return family
