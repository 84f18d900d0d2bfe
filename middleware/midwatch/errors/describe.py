"""
An exception as the fields of a log line: what it is, where it happened, what led to it. Never the variables of a frame.

Sizes are bounded for each field and in all, since one failure can carry thousands of others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

from ..redaction import DEFAULT
from .anatomy import chain, members, middle_cut, notes, traceback, type_name
from .frames import frame_fields, is_in_app
from .stack import DEPTH, FRAMES, MEMBERS, stack_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..redaction import Redactor
    from .anatomy import Relation

__all__ = ["describe", "stacktrace"]

MESSAGE: Final = 4096
NOTE: Final = 1024
NOTES: Final = 16
CAUSES: Final = 16
"""Characters of a message and of a note, notes of one exception, causes of one exception."""

TOTAL: Final = 64
ROOM: Final = 32_768
"""Causes and members in all, and characters of their messages and notes."""


def describe(error: BaseException, in_app: Callable[[str], bool], redactor: Redactor = DEFAULT) -> dict[str, Any]:
    """
    The fields `exception.*` of *error*, without what *redactor* hides; never raises, whatever its class does.

    | field | holds |
    | --- | --- |
    | `exception.type`, `exception.message`, `exception.stacktrace` | as in the semantic conventions |
    | `exception.frames` | `file`, `line`, `function`, `in_app`, outermost first |
    | `exception.notes` | texts of `add_note` |
    | `exception.chain` | what led to it, nearest first: `type`, `message`, `relation`, `notes` |
    | `exception.group` | `count` and `members`: `type`, `message`, `notes`, `chain`, `group` |
    | `exception.frames_omitted`, `exception.chain_omitted` | how many the middle lacks, where it was too long |
    """
    return _Description(in_app, redactor).fields(error)


def stacktrace(error: BaseException, redactor: Redactor = DEFAULT) -> str:
    """`exception.stacktrace` alone."""
    return stack_text(error, _Description(is_in_app, redactor).says, redactor)


@final
class _Description:
    """One description: every message is asked for once, and what is left to say is counted."""

    def __init__(self, in_app: Callable[[str], bool], redactor: Redactor) -> None:
        self._in_app = in_app
        self._redactor = redactor
        self._messages: dict[int, str] = {}
        self._left = TOTAL
        self._room = ROOM

    def fields(self, error: BaseException) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "exception.type": type_name(error),
            "exception.message": self._message(error),
            "exception.stacktrace": stack_text(error, self.says, self._redactor),
        }
        first, last, omitted = middle_cut(traceback(error), FRAMES)
        if first:
            fields["exception.frames"] = [frame_fields(step, self._in_app) for step in [*first, *last]]
        if omitted:
            fields["exception.frames_omitted"] = omitted
        fields.update((f"exception.{key}", value) for key, value in self._details(error, DEPTH).items())
        return fields

    def _details(self, error: BaseException, depth: int) -> dict[str, Any]:
        """Notes, causes and members of one exception, where there are any."""
        details: dict[str, Any] = {}
        told = self._notes(error)
        if told:
            details["notes"] = told
        first, last, omitted = middle_cut(chain(error)[1:], CAUSES)
        if first:
            causes = [*first, *last]
            details["chain"] = [self._cause(cause, relation) for cause, relation in causes if self._may_tell()]
        if omitted:
            details["chain_omitted"] = omitted
        group = members(error)
        if group:
            details["group"] = {"count": len(group), "members": self._members(group, depth)}
        return details

    def _members(self, group: tuple[BaseException, ...], depth: int) -> list[dict[str, Any]]:
        if not depth:
            return []
        told = [member for member in group[:MEMBERS] if self._may_tell()]
        return [{**self._brief(member), **self._details(member, depth - 1)} for member in told]

    def _cause(self, error: BaseException, relation: Relation | None) -> dict[str, Any]:
        cause = {**self._brief(error), "relation": relation}
        told = self._notes(error)
        return {**cause, "notes": told} if told else cause

    def _brief(self, error: BaseException) -> dict[str, Any]:
        return {"type": type_name(error), "message": self._within(self._message(error))}

    def _notes(self, error: BaseException) -> list[str]:
        return [self._within(self._redactor.text(note, NOTE)) for note in notes(error)[:NOTES]]

    def _message(self, error: BaseException) -> str:
        message = self._messages.get(id(error))
        if message is None:
            message = self._messages[id(error)] = self._redactor.text(error, MESSAGE)
        return message

    def says(self, error: BaseException) -> str:
        """As Python ends the print of an exception."""
        message = self._message(error)
        name = type_name(error)
        told = (self._redactor.text(note, NOTE) for note in notes(error)[:NOTES])
        lines = [f"{name}: {message}" if message else name, *told]
        return "\n".join(lines)

    def _may_tell(self) -> bool:
        self._left -= 1
        return self._left >= 0

    def _within(self, text: str) -> str:
        """*text*, as far as there is room."""
        text = text[: self._room]
        self._room -= len(text)
        return text
