"""
Which span is below which.

Parents may be missing, be the span itself, or form a circle, and may be ten thousand deep: nothing here recurses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .span import Key, Span

__all__ = ["Top", "Tree", "grow"]


class Top(NamedTuple):
    """
    A span without a span above it, and why.

    Attributes:
        missing: The parent that is not there; empty for a real root.
        circle: Its parents lead back to itself.
    """

    key: Key
    missing: str = ""
    circle: bool = False


class Tree(NamedTuple):
    """
    The spans of a trace in their order.

    Attributes:
        above: Of each span that has one, the span above it.
        below: Of each span, those below it, in no order.
        order: All keys, each after the one above it.
    """

    spans: Mapping[Key, Span]
    tops: Sequence[Top]
    above: Mapping[Key, Key]
    below: Mapping[Key, Sequence[Key]]
    order: Sequence[Key]


def grow(spans: Mapping[Key, Span]) -> Tree:
    """The tree of *spans*; every one of them is in it, once."""
    above: dict[Key, Key] = {}
    below: dict[Key, list[Key]] = {key: [] for key in spans}
    tops: list[Top] = []
    for key, span in spans.items():
        parent = _parent(span, spans)
        if parent is not None:
            below[parent].append(key)
        elif span.parent_id is None or span.shared:
            tops.append(Top(key))
        else:
            tops.append(Top(key, span.parent_id))
    order: list[Key] = []
    reached: set[Key] = set()
    _walk((top.key for top in tops), below, order, reached)
    for key in sorted(spans.keys() - reached, key=lambda key: (spans[key].start, key)):
        if key not in reached:
            key = _in_circle(key, spans)
            tops.append(Top(key, circle=True))
            below[_parent(spans[key], spans) or key].remove(key)
            _walk([key], below, order, reached)
    for key in order:
        above.update(dict.fromkeys(below[key], key))
    return Tree(spans, tops, above, below, order)


def _parent(span: Span, spans: Mapping[Key, Span]) -> Key | None:
    """The key of the span above; of a shared one, the half that is in the same service."""
    if span.shared:
        client = (span.span_id, False)
        if client in spans:
            return client
    if span.parent_id is None:
        return None
    client, server = (span.parent_id, False), (span.parent_id, True)
    if server in spans and (client not in spans or spans[server].service == span.service):
        return server
    return client if client in spans else None


def _in_circle(key: Key, spans: Mapping[Key, Span]) -> Key:
    """The first one above *key* that is met twice; only for what hangs on a circle."""
    met: set[Key] = set()
    while key not in met:
        met.add(key)
        key = _parent(spans[key], spans) or key
    return key


def _walk(starts: Iterable[Key], below: Mapping[Key, Sequence[Key]], order: list[Key], reached: set[Key]) -> None:
    for start in starts:
        rest = [start]
        while rest:
            key = rest.pop()
            reached.add(key)
            order.append(key)
            rest += reversed(below[key])
