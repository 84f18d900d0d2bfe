"""Histograms of many series, kept as they were counted: nine tenths of a page, and seventeen samples each."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple, final

from prometheus_client.core import Metric, Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from prometheus_client.core import Exemplar

__all__ = ["DenseHistogram", "Row"]


class Row(NamedTuple):
    """
    One label set of a histogram.

    Attributes:
        labels: Values, in the order of the names of its family.
        counts: Observations in each bucket, not cumulative; the last one is for everything above the last bound.
        total: Sum of what was observed.
        exemplars: One for each bucket, or none at all.
    """

    labels: Sequence[str]
    counts: Sequence[float]
    total: float
    exemplars: Sequence[Exemplar | None] = ()


@final
class DenseHistogram(Metric):
    """
    A histogram for collectors, as `HistogramMetricFamily` is one, that makes no sample until somebody asks for them.

    Our page never does: it writes the rows. Ten thousand of them would be 170 000 objects, which the garbage collector
    goes through while every thread waits.

    Args:
        name: With the unit at its end, if there is one.
        documentation: Shown as HELP.
        bounds: Upper bounds as text (`prometheus_client.utils.floatToGoString`), the last one `+Inf`.
        labels: Names; `le` is not among them.
        unit: Shown as UNIT.
        rows: One for each label set; better made while one goes through them than kept.
    """

    def __init__(
        self,
        name: str,
        documentation: str,
        bounds: Sequence[str],
        labels: Sequence[str] = (),
        unit: str = "",
        rows: Iterable[Row] = (),
    ) -> None:
        # Not the constructor of Metric: it assigns `samples`.
        self.name = name if not unit or name.endswith(f"_{unit}") else f"{name}_{unit}"
        self.documentation = documentation
        self.type = "histogram"
        self.unit = unit
        self.bounds = tuple(bounds)
        self.labels = tuple(labels)
        self.rows = rows

    @property
    def summed(self) -> bool:
        """Whether count and sum are shown: not where values may be negative (OpenMetrics 1.0, Histogram)."""
        return float(self.bounds[0]) >= 0

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Of the names of its samples."""
        return ("bucket", "count", "sum") if self.summed else ("bucket",)

    @property
    def samples(self) -> list[Sample]:  # type: ignore[override] # Read by registries and exporters of others.
        """What `HistogramMetricFamily` would hold."""
        return [sample for row in self.rows for sample in self._samples(row)]

    def _samples(self, row: Row) -> Iterator[Sample]:
        labels = dict(zip(self.labels, row.labels, strict=False))
        exemplars = row.exemplars or (None,) * len(self.bounds)
        count = 0.0
        for bound, count, exemplar in zip(self.bounds, accumulate(row.counts), exemplars, strict=True):
            yield Sample(f"{self.name}_bucket", {**labels, "le": bound}, count, None, exemplar)
        if self.summed:
            yield Sample(f"{self.name}_count", labels, count)
            yield Sample(f"{self.name}_sum", labels, row.total)
