"""A trace as rows: what stands where, for the terminal and for the page alike."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

from .clock import place
from .fold import Folder
from .tree import grow
from .words import counted, duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .clock import Times
    from .span import Key, Span
    from .trace import Trace
    from .tree import Top, Tree

__all__ = ["Row", "Waterfall", "lay_out"]

STEPS: Final = (1, 2, 5)
"""Ticks are these, times a power of ten, apart."""


class Row(NamedTuple):
    """
    One line of the picture.

    Attributes:
        spans: What it shows: one span, or several that are alike; none if it is only a *note*.
        depth: Below how many others.
        last: Whether no sibling follows.
        offset: Where its bar begins, as a share of the whole, 0 to 1.
        length: How long its bar is, as a share of the whole; `offset + length` is at most 1.
        lasted: Nanoseconds, all spans together.
        hidden: Spans below those that are alike, which are not shown.
    """

    spans: Sequence[Span]
    note: str = ""
    depth: int = 0
    last: bool = True
    offset: float = 0.0
    length: float = 0.0
    lasted: int = 0
    hidden: int = 0


class Waterfall(NamedTuple):
    """
    The picture.

    Attributes:
        start: Nanoseconds since the epoch.
        length: Nanoseconds that its width stands for.
        services: In the order of their appearance.
        remarks: What a person should know about it, a sentence each.
    """

    trace: Trace
    rows: Sequence[Row]
    start: int
    length: int
    services: Sequence[str]
    remarks: Sequence[str]

    def ticks(self, most: int) -> Iterator[tuple[float, str]]:
        """Round times, at most *most* after the first, each with its place as a share of the whole."""
        steps = (unit * 10**power for power in count() for unit in STEPS)
        step = next(step for step in steps if self.length // step <= most)
        for time in range(0, self.length + 1, step):
            yield time / self.length, duration(time, like=self.length)


def lay_out(trace: Trace) -> Waterfall:
    """The picture of *trace*."""
    tree = grow(trace.spans)
    times = place(tree)
    services = dict.fromkeys(tree.spans[key].service or "?" for key in tree.order)
    rows = list(_Rows(trace, tree, times))
    return Waterfall(trace, rows, times.first, times.length, tuple(services), tuple(_remarks(trace, tree, times)))


class _Rows:
    """The rows of a tree, from top to bottom."""

    def __init__(self, trace: Trace, tree: Tree, times: Times) -> None:
        self._tree = tree
        self._times = times
        self._folder = Folder(tree)
        self._partial = bool(trace.left_out)

    def __iter__(self) -> Iterator[Row]:
        # What is still to be shown, the next one last.
        rest: list[tuple[Sequence[Key], int, bool]] = []
        for note, tops in self._tops():
            depth = 1 if note else 0
            if note:
                yield Row((), note)
            rest += self._siblings(tops, depth, tops=not note)
            while rest:
                keys, depth, last = rest.pop()
                yield self._row(keys, depth, last)
                if len(keys) == 1:
                    rest += self._siblings(self._tree.below[keys[0]], depth + 1)

    def _tops(self) -> Iterator[tuple[str, list[Key]]]:
        """Tops under the note that they need, the real roots first."""
        groups: dict[str, list[Key]] = {"": []}
        for top in sorted(self._tree.tops, key=lambda top: (bool(top.missing or top.circle), self._time(top.key))):
            groups.setdefault(self._note(top), []).append(top.key)
        yield from groups.items()

    def _note(self, top: Top) -> str:
        if top.circle:
            return "parents in a circle"
        if not top.missing:
            return ""
        return f"parent {top.missing} {'was left out, or ' if self._partial else ''}is not in these files"

    def _time(self, key: Key) -> tuple[int, Key]:
        return self._times.starts[key], key

    def _siblings(
        self, keys: Sequence[Key], depth: int, *, tops: bool = False
    ) -> list[tuple[Sequence[Key], int, bool]]:
        groups = tuple(self._folder.groups(sorted(keys, key=self._time)))
        return [(group, depth, tops or group is groups[-1]) for group in reversed(groups)]

    def _row(self, keys: Sequence[Key], depth: int, last: bool) -> Row:
        first, length, starts = self._times.first, self._times.length, self._times.starts
        spans = [self._tree.spans[key] for key in keys]
        start = min(starts[key] for key in keys)
        end = max(starts[key] + span.duration for key, span in zip(keys, spans, strict=True))
        offset = min(max((start - first) / length, 0.0), 1.0)
        hidden = sum(self._folder.sizes[key] for key in keys) - len(keys) if len(keys) > 1 else 0
        lasted = sum(span.duration for span in spans)
        return Row(spans, "", depth, last, offset, min((end - start) / length, 1.0 - offset), lasted, hidden)


def _remarks(trace: Trace, tree: Tree, times: Times) -> Iterator[str]:
    if trace.left_out:
        yield f"{counted(trace.left_out, 'span')} left out: {len(trace.spans)} of one trace are kept"
    if trace.bare:
        yield f"{counted(trace.bare, 'span')} without attributes: together they were too long"
    if trace.clashing:
        yield f"{counted(trace.clashing, 'span')} left out: another one has the same id and says something else"
    for service, shift in times.moved.items():
        way = "behind" if shift > 0 else "ahead"
        yield f"the clock of {service or '?'} is about {duration(abs(shift))} {way}: its spans were moved"
    if times.strange:
        yield f"{counted(times.strange, 'span')} without a time that can be right, shown where the parent starts"
    if times.cut:
        yield f"{counted(times.cut, 'span')} longer than a day, shown as one day"
    if any(top.circle for top in tree.tops):
        yield "some spans are their own ancestors: one of them is shown as the first"
    if len(tree.tops) > 1 and all(span.source == "line" for span in trace.spans.values()):
        yield "request logs do not tell which request called which; span files do"
