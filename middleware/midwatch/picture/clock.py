"""
When each span was, on one clock.

Services have clocks of their own. A call that arrived before it was sent, or after its answer had come, shows that two
of them differ: the called service's spans are moved into the call. That a service ends after its caller has the answer
shows nothing: what is left is a stream, or tidying up. What is still off by more than a day, or
has no time at all, is put where its parent starts.
"""

from __future__ import annotations

from statistics import median_low
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .span import Key, Span
    from .tree import Tree

__all__ = ["Times", "place"]

DAY: Final = 86_400 * 1_000_000_000
"""Nanoseconds that a span may be away from the others, or long, to be believed."""


class Times(NamedTuple):
    """
    Times of the spans of one trace; nanoseconds, since the epoch where they are no difference.

    Attributes:
        starts: Of each span.
        first: When the first of them starts.
        length: From then to the end of the last; at least 1.
        moved: By how much spans of a service were moved, at most.
        strange: Spans whose own time was of no use.
        cut: Spans that are longer than a day, and shown as one.
    """

    starts: Mapping[Key, int]
    first: int
    length: int
    moved: Mapping[str, int]
    strange: int
    cut: int


def place(tree: Tree) -> Times:
    """The times of all spans of *tree*."""
    known = [span.start for span in tree.spans.values() if span.start]
    middle = median_low(known) if known else 0
    shifts: dict[Key, int] = {}
    starts: dict[Key, int] = {}
    moved: dict[str, int] = {}
    strange = 0
    first = min((start for start in known if abs(start - middle) <= DAY), default=0)
    for key in tree.order:
        span, parent = tree.spans[key], tree.above.get(key)
        shift = 0 if parent is None else _shift(span, tree.spans[parent], starts[parent], shifts[parent])
        if abs(span.start + shift - middle) > DAY:
            shift = 0
        if span.start and abs(span.start + shift - middle) <= DAY:
            starts[key] = span.start + shift
        else:
            starts[key] = first if parent is None else starts[parent]
            strange += 1
        if parent is not None and shift and span.service != tree.spans[parent].service:
            moved[span.service] = max(moved.get(span.service, 0), shift, key=abs)
        shifts[key] = shift
    first = min(starts.values(), default=0)
    end = max((start + min(tree.spans[key].duration, DAY) for key, start in starts.items()), default=0)
    cut = sum(span.duration > DAY for span in tree.spans.values())
    return Times(starts, first, max(end - first, 1), moved, strange, cut)


def _shift(span: Span, parent: Span, parent_start: int, parent_shift: int) -> int:
    """By how much *span* is moved to be where it can have been."""
    if span.service == parent.service:
        return parent_shift
    if not span.start:
        return 0
    called = parent.kind == "client" and span.kind == "server"
    spare = parent.duration - span.duration
    early, late = span.start < parent_start, called and span.start > parent_start + parent.duration
    if not early and not late:
        return 0
    # In the middle: the way there and the way back took the same, for all that is known.
    return parent_start + (max(spare, 0) // 2 if called else 0) - span.start
