"""
Families as lines of the page.

What prometheus_client writes, to the byte; only histograms of ours are written by us, which takes a tenth of the
time. Between two pieces the thread lets others run: an event loop beside it must not feel a page of megabytes.
"""

from __future__ import annotations

import re
from time import sleep
from typing import TYPE_CHECKING, Any, Final, final

from prometheus_client import exposition as text
from prometheus_client.openmetrics import exposition as openmetrics

from ..plugin import hook_failed
from .dense import DenseHistogram
from .lines import Lines, escaped
from .slots.gently import PAUSE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client.core import Metric

__all__ = ["openmetrics_pieces", "text_pieces"]

PIECE: Final = 128
"""Rows written before others may run: about a millisecond's work."""

PLAIN: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
"""Names that no format has to escape."""

END: Final = b"# EOF\n"


def text_pieces(families: Iterable[Metric]) -> Iterator[bytes]:
    """Text format 0.0.4."""
    return _pieces(families, text.generate_latest, _text_head, exemplars=False)


def openmetrics_pieces(families: Iterable[Metric]) -> Iterator[bytes]:
    """OpenMetrics 1.0.0."""
    for piece in _pieces(families, openmetrics.generate_latest, _openmetrics_head, exemplars=True):
        yield piece.removesuffix(END)
    yield END


def _pieces(
    families: Iterable[Metric],
    theirs: Callable[[Any], bytes],
    head: Callable[[Metric], str],
    *,
    exemplars: bool,
) -> Iterator[bytes]:
    for family in families:
        if isinstance(family, DenseHistogram) and _is_plain(family):
            yield head(family).encode()
            for lines in _histogram(family, exemplars=exemplars):
                yield lines.encode()
                sleep(PAUSE)
            continue
        try:
            piece = theirs(_Only(_valued(family)))
        except Exception:  # A sample of the application may hold anything; the other families are shown.
            hook_failed(theirs)
            continue
        yield piece


def _valued(family: Metric) -> Metric:
    """
    *family*, whose samples all have values: of OpenMetrics' writer one that has none gets a line that is none.

    Raises:
        ValueError: one has none.
    """
    given: Iterable[Any] = family.samples
    if any(sample.value is None and getattr(sample, "native_histogram", None) is None for sample in given):
        raise ValueError(f"a sample of {family.name} has no value")
    return family


@final
class _Only:
    """A registry of one family."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> list[Metric]:
        return [self._family]


def _is_plain(family: DenseHistogram) -> bool:
    names = (family.name, *family.labels)
    return all(PLAIN.fullmatch(name) for name in names) and not any(":" in name for name in family.labels)


def _text_head(family: Metric) -> str:
    told = family.documentation.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {family.name} {told}\n# TYPE {family.name} histogram\n"


def _openmetrics_head(family: Metric) -> str:
    unit = f"# UNIT {family.name} {family.unit}\n" if family.unit else ""
    return f"# HELP {family.name} {escaped(family.documentation)}\n# TYPE {family.name} histogram\n{unit}"


def _histogram(family: DenseHistogram, *, exemplars: bool) -> Iterator[str]:
    """The lines of *family*, some rows at a time."""
    write = Lines(family, exemplars=exemplars).of
    lines: list[str] = []
    for number, row in enumerate(family.rows, 1):
        lines.append(write(row))
        if number % PIECE == 0:
            yield "".join(lines)
            lines.clear()
    yield "".join(lines)
