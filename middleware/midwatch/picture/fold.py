"""Siblings that are all the same, shown as one: the query in the loop."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from .span import worse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .span import Key
    from .tree import Tree

__all__ = ["Folder"]

ALIKE: Final = 20
"""Siblings that are shown each for itself."""


class Folder:
    """Finds siblings that are alike: the same service, name and fate, and nothing different below them."""

    def __init__(self, tree: Tree) -> None:
        self._spans = tree.spans
        self._worst: dict[Key, str] = {}
        self.sizes: dict[Key, int] = {}
        """Spans in the branch that begins with each span, itself included."""
        for key in reversed(tree.order):
            worst, size = tree.spans[key].outcome, 1
            for child in tree.below[key]:
                worst, size = worse(worst, self._worst[child]), size + self.sizes[child]
            self._worst[key], self.sizes[key] = worst, size

    def groups(self, siblings: Sequence[Key]) -> Iterator[Sequence[Key]]:
        """*siblings* one by one, those that are too many of a kind together, where the first of them was."""
        if len(siblings) <= ALIKE:
            yield from ([key] for key in siblings)
            return
        kinds: Mapping[Any, list[Key]] = defaultdict(list)
        for key in siblings:
            kinds[self._kind(key)].append(key)
        for key in siblings:
            alike = kinds[self._kind(key)]
            if len(alike) <= ALIKE:
                yield [key]
            elif alike[0] == key:
                yield alike

    def _kind(self, key: Key) -> tuple[str | None, ...]:
        span = self._spans[key]
        return span.service, span.label, span.kind, span.outcome, span.error_type, self._worst[key]
