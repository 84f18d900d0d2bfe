"""What `LatencyMetrics` is given, checked."""

from __future__ import annotations

import logging
import math
import os
import re
from typing import TYPE_CHECKING, Final

from ..logs.safe import safe_text
from ..plugin import hook_failed
from .labels import TAKEN, checked_labels, label_text
from .slots import workers_hint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ..exchange import Exchange
    from ..service import Service

__all__ = ["check", "checked_buckets", "checked_path", "own_labels", "target_info", "warn_of_workers"]

logger = logging.getLogger("midwatch")

NAMES: Final = ("otel", "classic")

_warned: Final[set[int]] = set()


def check(allow: object, registry: object, max_series: int, names: str) -> None:
    """
    Look at what needs no making of anything.

    Raises:
        ValueError: no series at all, or other *names*.
        TypeError: *allow* is one string, *registry* collects nothing.
    """
    if isinstance(allow, str):
        raise TypeError(f"allow: {allow!r} is one string; give a list of networks")
    if not hasattr(registry, "collect") and registry is not None:
        raise TypeError(f"registry: {registry!r} is not a prometheus_client.CollectorRegistry")
    if max_series < 1:
        raise ValueError(f"max_series: {max_series} leaves no series to count in")
    if names not in NAMES:
        raise ValueError(f"names: {names!r} is none of {', '.join(NAMES)}")


def checked_buckets(buckets: Iterable[float], *, also: Iterable[float] = ()) -> tuple[float, ...]:
    """
    Upper bounds of durations, and those that are needed *also*.

    Raises:
        ValueError: they are not ascending seconds above zero.
    """
    bounds = tuple(float(bound) for bound in buckets)
    ascending = all(low < high for low, high in zip((0.0, *bounds), bounds, strict=False))
    if not bounds or not ascending or not math.isfinite(bounds[-1]):
        raise ValueError(f"buckets: {bounds} are not ascending seconds above zero")
    return tuple(sorted({*bounds, *also}))


def checked_path(path: str) -> frozenset[str]:
    """
    The two ways to write *path*.

    Raises:
        ValueError: it is none.
    """
    if not path.startswith("/") or "?" in path or "#" in path:
        raise ValueError(f"path: {path!r} is not a path below the mount point, such as /metrics")
    return frozenset({path.rstrip("/") or "/", path.rstrip("/") + "/"})


def own_labels(
    labels: Mapping[str, Callable[[Exchange], object]],
) -> tuple[tuple[str, ...], Callable[[Exchange], tuple[str, ...]] | None]:
    """
    Names of the operator's own labels, and what makes their values of an exchange; None where there are none.

    Raises:
        ValueError: a name that is none, or one of ours.
        TypeError: a value that cannot be called.
    """
    names = checked_labels(labels)
    taken = next((name for name in names if name in TAKEN), None)
    if taken is not None:
        raise ValueError(f"labels: {taken!r} is a label of ours, or of Prometheus; call it something else")
    for name, call in labels.items():
        if not callable(call):
            raise TypeError(f"labels.{name}: {call!r} is not a function of an exchange")
    calls = tuple(labels.values())

    def values(exchange: Exchange) -> tuple[str, ...]:
        return tuple(_value(call, exchange) for call in calls)

    return names, values if calls else None


def _value(call: Callable[[Exchange], object], exchange: Exchange) -> str:
    try:
        value = call(exchange)
    except Exception:
        hook_failed(call)
        return ""
    return "" if value is None else label_text(value)


def target_info(service: Service) -> dict[str, str]:
    """Resource attributes as labels (https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/)."""
    labels: dict[str, str] = {}
    for name, value in service.fields().items():
        label = re.sub(r"_+", "_", re.sub(r"\W", "_", name, flags=re.ASCII))
        labels.setdefault(f"key_{label}" if label[:1].isdigit() else label, safe_text(value))
    return labels


def warn_of_workers() -> None:
    """Say, once in a process, that others may count what is not shown here."""
    hint = workers_hint()
    if hint is not None and os.getpid() not in _warned:
        _warned.add(os.getpid())
        logger.warning("metrics: %s; see setting metrics.directory", hint)
