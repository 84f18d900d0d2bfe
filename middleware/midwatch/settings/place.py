"""Where in the settings something stands: knows its path, shows its surroundings, takes down what is wrong there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

from .problem import Problem
from .shown import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Place"]

_is_word = re.compile(r"[A-Za-z0-9_\-]{1,64}").fullmatch


@final
class Place:
    """
    One value in the settings.

    Args:
        value: What stands there.
        problems: Where to put what is wrong; shared by all places of one dict.
        key: Its key or index in what is around it.
        around: The place of that; None for the whole.
        documented: The key as the schema calls it: `NAME` where the user chooses, `ITEM` for a dict in a list, nothing
            for another item.
    """

    __slots__ = ("around", "documented", "key", "problems", "value")

    def __init__(
        self,
        value: object,
        problems: list[Problem],
        key: Any = None,
        around: Place | None = None,
        documented: str | None = None,
    ) -> None:
        self.value = value
        self.problems = problems
        self.key = key
        self.around = around
        self.documented = documented

    def item(self, index: int, value: object, documented: str | None = None) -> Place:
        """The place of an item of this list."""
        return Place(value, self.problems, index, self, documented)

    def entry(self, key: object, value: object, documented: str | None = None) -> Place:
        """The place of an entry of this dict."""
        return Place(value, self.problems, key, self, documented)

    def wrong(self, reason: str, hint: str = "") -> None:
        """Note that the value is wrong."""
        explain = self.documented_path
        command = f"midwatch check --explain {explain}" if explain else "midwatch settings"
        self.problems.append(Problem(self.path, reason, hint, (), self._piece(), command))

    def unknown(self, known: Sequence[str], hint: str, explain: str) -> None:
        """Note that there is no setting of this name."""
        command = f"midwatch check --explain {explain}" if explain else "midwatch settings"
        piece = self._piece(at_key=True)
        self.problems.append(Problem(self.path, "unknown setting", hint, tuple(sorted(known)), piece, command))

    @property
    def path(self) -> str:
        """As in `trace.to[0]`; `settings` for the whole."""
        path = ""
        for place in self._chain():
            if isinstance(place.key, str) and _is_word(place.key):
                path += f".{place.key}" if path else place.key
            else:
                path += f"[{shown(place.key)}]"
        return path or "settings"

    @property
    def documented_path(self) -> str:
        """As in the reference: `health.checks.NAME.timeout`; nothing for the whole."""
        return ".".join(place.documented for place in self._chain() if place.documented)

    def _chain(self) -> list[Place]:
        """From the outermost entry to this one."""
        chain: list[Place] = []
        place = self
        while place.around is not None:
            chain.append(place)
            place = place.around
        return chain[::-1]

    def _piece(self, *, at_key: bool = False) -> tuple[str, int, int] | None:
        """The line of the settings that shows this place, and what in it to point at."""
        chain = self._chain()
        if not chain:
            return None
        head = tail = ""
        column = width = 0
        for depth, place in enumerate(chain):
            container: Any = place.around and place.around.value
            if isinstance(container, Mapping):
                key = shown(place.key)
                rest = ", ..." if len(container) > 1 else ""
                opening, closing = ("{", rest + "}") if depth else ("", "")
                column, width = len(head + opening), len(key)
                head += f"{opening}{key}: "
            else:
                head += "[..., " if place.key else "["
                closing = ", ...]" if place.key + 1 < len(container) else "]"
            tail = closing + tail
        if at_key:
            return f"{head}...{tail}", column, width
        value = shown(self.value)
        return head + value + tail, len(head), len(value)
