"""
Whether a regular expression may take long: Python's engine tries all ways in which one can match.

Refused is what may take time that grows faster than the square of the text, or with the square and slowly at that. What
grows with the square is told, so that it can be kept to short texts.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

if TYPE_CHECKING:
    import re

__all__ = ["Verdict", "judge"]

# Nowhere documented, but what `re` itself is made of, and the same since 3.11.
_parser: Any = importlib.import_module("re._parser")
_compiler: Any = importlib.import_module("re._compiler")
_op: Any = importlib.import_module("re._constants")

MANY: Final = 16
"""Repetitions from which on there are as good as no bounds."""

WAYS: Final = 4096
"""In how many ways the bounded repetitions of an expression may share a text among them."""

FEW: Final = 4
"""Repetitions of what an open repetition before them may match too, up to which that is no matter."""

FEW_WAYS: Final = 16
"""The same where time grows with the square of the text already."""

ALPHABET: Final = (*map(chr, range(128)), "é", "ß", "ı", "я", "中", "\u2028", "\u00a0", "٣")
"""Stand-ins for all characters; the sets that expressions name hardly ever differ only beyond them."""

ONE: Final = {_op.LITERAL, _op.NOT_LITERAL, _op.ANY, _op.IN}
REPEATS: Final = {_op.MAX_REPEAT, _op.MIN_REPEAT}


class Verdict(NamedTuple):
    """
    What is to be said of an expression.

    Attributes:
        risk: Why it is refused; None if it is not.
        square: Time grows with the square of the text.
    """

    risk: str | None
    square: bool


def judge(pattern: str) -> Verdict:
    """
    Judge *pattern* by what it is made of.

    Raises:
        re.error: it is no regular expression.
    """
    parsed = _parser.parse(pattern)
    if parsed.getwidth()[0] == 0:
        return Verdict("it matches where there is nothing", square=False)
    reader = _Reader(parsed.state)
    try:
        reader.sequence(parsed, frozenset(), inside=False)
    except _Risky as found:
        return Verdict(str(found), square=False)
    if reader.square and reader.ways > FEW_WAYS:
        return Verdict("its quantifiers can share a text in too many ways", square=True)
    if reader.square and reader.groups:
        return Verdict("it repeats a group without bounds, and then goes on", square=True)
    return Verdict(None, reader.square)


class _Risky(Exception):  # noqa: N818 - never leaves this module
    pass


@final
class _Reader:
    def __init__(self, state: Any) -> None:
        self._state = state
        self.square = False
        self.groups = False
        self._many = False
        self.ways = 1
        self._depth = 0

    def sequence(self, items: Any, open_: frozenset[str], *, inside: bool) -> frozenset[str]:
        """
        Read *items* in a row.

        Args:
            open_: What a repetition before them matches, if nothing has come since that ends it.
            inside: They are repeated.

        Returns:
            the same for what comes after them.
        """
        for op, value in items:
            open_ = self._item(op, value, open_, inside)
        return open_

    def _item(self, op: Any, value: Any, open_: frozenset[str], inside: bool) -> frozenset[str]:
        self.square = self.square or self._many
        if op in {_op.GROUPREF, _op.GROUPREF_EXISTS}:
            raise _Risky("it refers back to a group")
        if op is _op.SUBPATTERN:
            return self.sequence(value[3], open_, inside=inside)
        if op is _op.ATOMIC_GROUP:
            self.sequence(value, open_, inside=False)
            return open_
        if op is _op.BRANCH:
            return self._branch(value[1], open_, inside)
        if op in {_op.ASSERT, _op.ASSERT_NOT}:
            if value[0] < 0 and any(op in REPEATS for op, _ in value[1]):
                raise _Risky("it looks behind with a quantifier")
            self.sequence(value[1], open_, inside=inside)
            # Whatever it reads ahead, it reads again from the next character on.
            self.square = self.square or self._many
            return open_
        if op is _op.AT:
            return open_
        if op in REPEATS:
            self._may_repeat(value[1], value[2], open_)
            return self._repeat(value[0], value[1], value[2], open_, inside)
        if op is _op.POSSESSIVE_REPEAT:
            self._may_repeat(value[1], value[2], open_)
            self.sequence(value[2], frozenset(), inside=False)
            self._goes_on(value[1], value[2])
            return open_ if value[0] == 0 or open_ & self._characters(value[2]) else frozenset()
        return open_ if open_ & self._characters([(op, value)]) else frozenset()

    def _branch(self, branches: Any, open_: frozenset[str], inside: bool) -> frozenset[str]:
        if self._depth:
            firsts = [self._characters(list(branch)[:1]) for branch in branches]
            if any(not first for first in firsts) or sum(map(len, firsts)) != len(frozenset[str]().union(*firsts)):
                if inside:
                    raise _Risky("it repeats alternatives that may match the same")
                self.ways *= len(branches)
        many, after_any = self._many, False
        after: set[str] = set()
        for branch in branches:
            self._many = many
            after |= self.sequence(branch, open_, inside=inside)
            after_any = after_any or self._many
        self._many = after_any
        return frozenset(after)

    def _may_repeat(self, most: int, body: Any, open_: frozenset[str]) -> None:
        if most > 1 and body.getwidth()[0] == 0:
            raise _Risky("it repeats what may be nothing")
        if most > FEW and open_ & self._characters(body):
            raise _Risky("two of its quantifiers may match the same text")

    def _goes_on(self, most: int, body: Any) -> None:
        """Note that a text is read to the end of such a repetition from wherever in it the search starts anew."""
        if most > MANY:
            self._many = True
            self.groups = self.groups or len(body) > 1 or body[0][0] not in ONE

    def _repeat(self, least: int, most: int, body: Any, open_: frozenset[str], inside: bool) -> frozenset[str]:
        if inside and least != most:
            raise _Risky("it has nested quantifiers")
        many = most > MANY
        outer, self.ways = self.ways, 1
        self._depth += 1
        after = self.sequence(body, open_ if most <= 1 else frozenset(), inside=inside or many)
        self._depth -= 1
        self.ways = outer * (most - least + 1) * self.ways ** min(most, MANY)
        characters = self._characters(body)
        if not many:
            if self.ways > WAYS:
                raise _Risky("its quantifiers can share a text in too many ways")
            if after and most > 1:
                raise _Risky("it has nested quantifiers")
            if FEW < most != least:
                after |= characters
            return open_ | after if least == 0 or open_ & characters else after
        self.ways = outer
        self._goes_on(most, body)
        if least == most:
            return frozenset()
        return characters | (open_ if least == 0 else frozenset())

    def _characters(self, items: Any) -> frozenset[str]:
        """All that *items* may be made of."""
        found: set[str] = set()
        for op, value in items:
            if op is _op.SUBPATTERN:
                found |= self._characters(value[3])
            elif op is _op.ATOMIC_GROUP:
                found |= self._characters(value)
            elif op is _op.BRANCH:
                found = found.union(*map(self._characters, value[1]))
            elif op in REPEATS or op is _op.POSSESSIVE_REPEAT:
                found |= self._characters(value[2])
            elif op in ONE:
                one: re.Pattern[str] = _compiler.compile(_parser.SubPattern(self._state, [(op, value)]))
                found.update(character for character in ALPHABET if one.fullmatch(character))
        return frozenset(found)
