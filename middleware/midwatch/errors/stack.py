"""
`exception.stacktrace`: the text that Python would print, of bounded length.

`traceback.TracebackException` does the same without bounds, and for the stacks of a web framework ten times slower. The
text is made from its end, which says what happened, until there is enough of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from ..redaction import DEFAULT
from ..redaction.mask import CUT
from .anatomy import chain, members, middle_cut, traceback
from .frames import WIDTH, function_name, source_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from ..redaction import Redactor

__all__ = ["stack_text"]

LENGTH: Final = 16_384 - len(CUT)
"""Characters of a stack, as in every other log line."""

FRAMES: Final = 100
DEPTH: Final = 4
MEMBERS: Final = 16
"""Frames of one exception, levels of groups, members of one group."""

CAUSE: Final = "\nThe above exception was the direct cause of the following exception:\n\n"
CONTEXT: Final = "\nDuring handling of the above exception, another exception occurred:\n\n"

Says: TypeAlias = "Callable[[BaseException], str]"


def stack_text(error: BaseException, says: Says, redactor: Redactor = DEFAULT) -> str:
    """
    The stacks of *error*, of its causes before it, and of a group's members below it.

    Args:
        error: As it left the application.
        says: Type, message and notes of one exception.
        redactor: Hides what is secret in lines of source.
    """
    pieces: list[str] = []
    room = LENGTH
    for piece in _from_the_end(error, says, redactor, DEPTH, ""):
        pieces.append(piece)
        room -= len(piece)
        if room <= 0:
            break
    text = "".join(reversed(pieces)).rstrip("\n")
    return text if len(text) <= LENGTH else CUT + text[-LENGTH:]


def _from_the_end(error: BaseException, says: Says, redactor: Redactor, depth: int, margin: str) -> Iterator[str]:
    links = chain(error)
    for number, (link, _) in enumerate(links):
        if depth:
            yield from _members(link, says, redactor, depth, margin)
        yield _indented(_one(link, says, redactor), margin)
        if number + 1 < len(links):
            yield _indented(CAUSE if links[number + 1][1] == "cause" else CONTEXT, margin)


def _members(group: BaseException, says: Says, redactor: Redactor, depth: int, margin: str) -> Iterator[str]:
    found = members(group)
    if len(found) > MEMBERS:
        yield f"{margin}  +---------------- {len(found) - MEMBERS} more\n"
    for number, member in reversed([*enumerate(found[:MEMBERS], 1)]):
        yield from _from_the_end(member, says, redactor, depth - 1, margin + "  | ")
        yield f"{margin}  +---------------- {number} of {len(found)}\n"


def _one(error: BaseException, says: Says, redactor: Redactor) -> str:
    steps = traceback(error)
    if not steps:
        return says(error) + "\n"
    first, last, omitted = middle_cut(steps, FRAMES)
    lines = ["Traceback (most recent call last):\n", *(_frame(step, redactor) for step in first)]
    if omitted:
        lines.append(f"  [{omitted} frames left out]\n")
    return "".join([*lines, *(_frame(step, redactor) for step in last), says(error), "\n"])


def _frame(step: TracebackType, redactor: Redactor) -> str:
    code = step.tb_frame.f_code
    line = step.tb_lineno
    file = code.co_filename[-WIDTH:]
    source = "" if line is None else source_line(code.co_filename, line, redactor)
    where = f'  File "{file}", line {line}, in {function_name(code)}\n'
    return f"{where}    {source}\n" if source else where


def _indented(text: str, margin: str) -> str:
    return text if not margin else margin + text[:-1].replace("\n", "\n" + margin) + "\n"
