"""A histogram of many rows as lines of a page: all but the values of labels is the same in each, and made once."""

from __future__ import annotations

from itertools import accumulate, compress
from typing import TYPE_CHECKING, final

from prometheus_client.utils import floatToGoString

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client.core import Exemplar

    from .dense import DenseHistogram, Row

__all__ = ["Lines", "escaped"]

_go: Callable[[float], str] = floatToGoString


@final
class Lines:
    """
    Writes rows.

    Args:
        family: Whose rows these are; its names are ones that need no escape.
        exemplars: Whether those of the rows are written.
    """

    def __init__(self, family: DenseHistogram, *, exemplars: bool) -> None:
        # Labels are sorted by name, and `le` is one of them.
        order = sorted((name, position) for position, name in enumerate(family.labels))
        pairs = [(name, f'{name}="%s"') for name, _ in order]
        before = "".join(f"{pair}," for name, pair in pairs if name < "le")
        after = "".join(f",{pair}" for name, pair in pairs if name > "le")
        labels = ",".join(pair for _, pair in pairs)
        labels = f"{{{labels}}}" if labels else ""
        self._order = [position for _, position in order]
        self._before = sum(name < "le" for name, _ in order)
        self._start, self._end = f'{family.name}_bucket{{{before}le="', f'"{after}}} '
        self._count, self._sum = f"{family.name}_count{labels} ", f"\n{family.name}_sum{labels} "
        self._bounds, self._summed, self._exemplars = family.bounds, family.summed, exemplars

    def of(self, row: Row) -> str:
        """The lines of *row*."""
        given = row.labels
        values = tuple([escaped(given[position]) for position in self._order])
        start, end = self._start % values[: self._before], self._end % values[self._before :]
        write = self._explained if self._exemplars and row.exemplars else self._buckets
        lines, number = write(row, start, end)
        if not self._summed:
            return lines
        return f"{lines}{self._count % values}{number}{self._sum % values}{_number(row.total)}\n"

    def _buckets(self, row: Row, start: str, end: str) -> tuple[str, str]:
        """The lines of the buckets, and the number in the last one."""
        counts, bounds = row.counts, self._bounds
        lines, known, number, at = "", 0.0, "0.0", 0
        # Most buckets of most rows add nothing to the one below.
        for bucket in compress(range(len(counts)), counts):
            if at < bucket:
                line = f"{end}{number}\n"
                lines += f"{start}{(line + start).join(bounds[at:bucket])}{line}"
            known, at = known + counts[bucket], bucket
            number = _number(known)
        line = f"{end}{number}\n"
        return f"{lines}{start}{(line + start).join(bounds[at:])}{line}", number

    def _explained(self, row: Row, start: str, end: str) -> tuple[str, str]:
        """The same, with exemplars."""
        number, lines = "0.0", []
        for bound, count, exemplar in zip(self._bounds, accumulate(row.counts), row.exemplars, strict=True):
            number = _number(count)
            lines.append(f"{start}{bound}{end}{number}{_exemplar(exemplar)}\n")
        return "".join(lines), number


def escaped(value: str) -> str:
    """As label values are written."""
    if "\\" in value or "\n" in value or '"' in value:
        return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return value


def _number(value: float) -> str:
    """As Go writes it; whole ones below a million are most of them."""
    if 0 < value < 1e6 and value == int(value):
        return f"{int(value)}.0"
    return _go(value)


def _exemplar(exemplar: Exemplar | None) -> str:
    if not exemplar:
        return ""
    labels = ",".join(f'{name}="{escaped(value)}"' for name, value in sorted(exemplar.labels.items()))
    at = "" if exemplar.timestamp is None else f" {exemplar.timestamp}"
    return f" # {{{labels}}} {_go(exemplar.value)}{at}"
