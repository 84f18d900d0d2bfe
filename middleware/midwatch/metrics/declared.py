"""
What a family is, and how the figures of several workers become its samples.

A worker writes what it has declared into its slot beside the figures: the one that shows the page may never have heard
of a family that only another one counts.
"""

from __future__ import annotations

import math
import struct
from base64 import b85decode, b85encode
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias, final
from zlib import crc32

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.utils import floatToGoString

from .dense import DenseHistogram, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from prometheus_client.core import Exemplar, Metric

    from .slots import Reading

__all__ = ["DECLARED", "Declared", "Merge", "Rows", "bucket_names", "histogram", "told"]

DECLARED: Final = "midwatch.family"
"""Under which slots keep what was declared."""

UNIT: Final = "\x1f"

Merge: TypeAlias = Literal["sum", "max", "min", "mean", "worker"]


def _sum(values: Sequence[float]) -> float:
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # More than a float can say, or infinities of both signs.
        return sum(values)


MERGES: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "sum": _sum,
    "max": max,
    "min": min,
    "mean": lambda values: _sum(values) / len(values),
}

MAX_HELP: Final = 512


class Declared(NamedTuple):
    """
    One family.

    Attributes:
        name: Without `_total`.
        kind: `counter`, `gauge` or `histogram`.
        help: What it says.
        labels: Their names.
        merge: How the gauges of several workers are one.
        bounds: Upper bounds of the buckets of a histogram.
    """

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    merge: str = "sum"
    bounds: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        """Cells of one label set: of a histogram its buckets, the one above them, and the sum."""
        return len(self.bounds) + 2 if self.kind == "histogram" else 1

    @property
    def key(self) -> str:
        """The name in slots: figures of another shape, from another version of the service, stay apart."""
        shape = repr((self.kind, self.labels, self.merge, self.bounds))
        return f"{self.name}/{crc32(shape.encode()):08x}"

    def texts(self) -> tuple[str, ...]:
        """As the labels of a record, which has no room for two hundred bounds as people write them."""
        said = self.help[:MAX_HELP].replace("\0", "\ufffd")
        bounds = b85encode(struct.pack(f"<{len(self.bounds)}d", *self.bounds)).decode()
        return self.name, self.kind, said, UNIT.join(self.labels), self.merge, bounds

    def metric(self, reading: Reading) -> Metric:
        """All samples, of all workers."""
        if self.kind == "counter":
            counter = CounterMetricFamily(self.name, self.help, labels=self.labels)
            for labels, values in reading.summed(self.key, self.size):
                counter.add_metric(labels, values[0])
            return counter
        if self.kind == "histogram":
            rows = Rows(reading.summed(self.key, self.size))
            return histogram(self.name, self.help, self.labels, self.bounds, rows)
        return self._gauge(reading)

    def _gauge(self, reading: Reading) -> Metric:
        workers = ("worker",) if self.merge == "worker" else ()
        family = GaugeMetricFamily(self.name, self.help, labels=(*self.labels, *workers))
        found: dict[tuple[str, ...], list[float]] = {}
        for number, labels, values in reading.every(self.key, self.size):
            if not math.isnan(values[0]):  # How a gauge says that it has nothing to say.
                shown = (*labels, str(number)) if workers else tuple(labels)
                found.setdefault(shown, []).append(values[0])
        merge = MERGES.get(self.merge, _sum)
        for shown, said in found.items():
            family.add_metric(shown, merge(said))
        return family


def told(reading: Reading) -> Iterator[Declared]:
    """What any worker has declared; what cannot be read is left out."""
    for texts, _ in reading.total(DECLARED):
        try:
            name, kind, said, labels, merge, bounds = texts
            yield Declared(
                name,
                kind,
                said,
                tuple(labels.split(UNIT)) if labels else (),
                merge,
                tuple(bound for (bound,) in struct.iter_unpack("<d", b85decode(bounds))),
            )
        except (ValueError, struct.error):
            continue


def bucket_names(bounds: Sequence[float]) -> tuple[str, ...]:
    """Upper bounds as Prometheus writes them."""
    write: Callable[[float], str] = floatToGoString
    return (*map(write, bounds), "+Inf")


@final
class Rows:
    """
    Rows of a histogram, made while one goes through them.

    Args:
        series: Labels, and counts per bucket, which are not cumulative, with the sum behind them; read each time.
        exemplars: Those of some labels.
    """

    def __init__(
        self,
        series: Iterable[tuple[tuple[str, ...], Sequence[float]]],
        exemplars: Callable[[tuple[str, ...]], Sequence[Exemplar | None]] | None = None,
    ) -> None:
        self._series = series
        self._exemplars = exemplars

    def __iter__(self) -> Iterator[Row]:
        exemplars = self._exemplars
        for labels, cells in self._series:
            yield Row(labels, cells[:-1], cells[-1], () if exemplars is None else exemplars(labels))


def histogram(
    name: str, said: str, labels: tuple[str, ...], bounds: Sequence[float], rows: Iterable[Row]
) -> DenseHistogram:
    """A family of histograms."""
    unit = next((unit for unit in ("seconds", "bytes") if name.endswith(f"_{unit}")), "")
    return DenseHistogram(name, said, bucket_names(bounds), labels, unit, rows)
