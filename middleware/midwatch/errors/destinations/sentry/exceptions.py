"""
An exception, what led to it and what it groups, as trackers have it: one list, oldest first, and a tree within it.

https://develop.sentry.dev/sdk/data-model/event-payloads/exception/. The tree is in the mechanisms: each exception but
the one that left names its parent, and what it is to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

from ....redaction.said import utf8
from ...anatomy import chain, members, middle_cut, notes, type_name
from .stacktrace import add_source, stacktrace

if TYPE_CHECKING:
    from collections.abc import Callable

    from ....redaction import Redactor
    from ...occurrence import Occurrence

__all__ = ["MECHANISM", "exception_values"]

MECHANISM: Final = "midwatch"

MESSAGE: Final = 4096
NOTE: Final = 1024
NAME: Final = 256
ROOM: Final = 32_768
"""Characters of a message, of a note, of a type's name, and of all messages and notes in one event."""

NOTES: Final = 16
CAUSES: Final = 16
MEMBERS: Final = 16
DEPTH: Final = 4
"""Notes of one exception, links of one chain, members of one group, levels of groups."""

TOTAL: Final = 50
FRAMES: Final = 300
"""Exceptions and frames in one event."""

_qualname: Any = type.__dict__["__qualname__"]


def exception_values(occurrence: Occurrence) -> list[dict[str, Any]]:
    """`exception.values` of what has occurred, which is the last of them; never raises, whatever its class does."""
    error, redactor = occurrence.error, occurrence.redactor
    values = _Values(occurrence.in_app, redactor, handled=occurrence.where == "handled")
    values.add(error, None, "", DEPTH)
    add_source(values.frames, redactor)
    return values.told[::-1]


@final
class _Values:
    """Exceptions told so far: each once, the one that left first. Its place among them is its id."""

    def __init__(self, in_app: Callable[[str], bool], redactor: Redactor, *, handled: bool) -> None:
        self.told: list[dict[str, Any]] = []
        self.frames: list[dict[str, Any]] = []
        self._in_app = in_app
        self._redactor = redactor
        self._handled = handled
        self._known: set[int] = set()
        self._room = ROOM

    def add(self, error: BaseException, parent: int | None, source: str, depth: int) -> None:
        """Tell *error*, the chain that led to it, and then the members of the groups among them."""
        first, last, _ = middle_cut(chain(error), CAUSES)
        groups: list[tuple[BaseException, int]] = []
        # What is a member as well as a cause is told as a member: that says more.
        later: set[int] = set()
        for link, relation in (*first, *last):
            if id(link) in self._known or id(link) in later or len(self.told) == TOTAL:
                break
            self._known.add(id(link))
            place = len(self.told)
            self.told.append(
                self._value(link, self._mechanism(place, parent, f"__{relation}__" if relation else source))
            )
            parent = place
            if members(link):
                self.told[place]["mechanism"]["is_exception_group"] = True
                later |= {id(member) for member in members(link)[:MEMBERS]} if depth else set()
                groups.append((link, place))
        for group, place in groups if depth else ():
            for number, member in enumerate(members(group)[:MEMBERS]):
                self.add(member, place, f"exceptions[{number}]", depth - 1)

    def _value(self, error: BaseException, mechanism: dict[str, Any]) -> dict[str, Any]:
        name = utf8(_qualname.__get__(type(error))[:NAME])
        value: dict[str, Any] = {"type": name, "value": self._says(error), "mechanism": mechanism}
        module = type_name(error).removesuffix(name).removesuffix(".")
        if module:
            value["module"] = module
        went_through = stacktrace(error, self._in_app, FRAMES - len(self.frames))
        if went_through is not None:
            value["stacktrace"] = went_through
            self.frames += went_through["frames"]
        return value

    def _says(self, error: BaseException) -> str:
        """Message and notes."""
        say = self._redactor.text
        told = [say(error, MESSAGE), *(say(note, NOTE) for note in notes(error)[:NOTES])]
        text = "\n".join(told)[: self._room]
        self._room -= len(text)
        return text

    def _mechanism(self, place: int, parent: int | None, source: str) -> dict[str, Any]:
        mechanism: dict[str, Any] = {"type": MECHANISM, "handled": self._handled, "exception_id": place}
        if parent is not None:
            mechanism.update(type="chained", parent_id=parent, source=source)
        return mechanism
