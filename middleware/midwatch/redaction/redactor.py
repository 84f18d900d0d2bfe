"""`Redactor`: what everything that writes or sends text asks how a value may be shown."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, final

from .calls import Calls
from .fields import Fields
from .lint import judge
from .mask import CUT, HARMLESS, HEADER_MASK, MASK
from .names import SecretNames
from .query import Queries
from .said import printable, said, utf8
from .values import Values

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

__all__ = ["DEFAULT", "Redactor"]

OVERLAP: Final = 1024
"""Characters read past a limit, so that a secret which straddles it is still recognised."""

SQUARE: Final = 1024
"""Characters of a text that are shown where a user's expression takes time that grows with the square of them."""

MAX_TEXT: Final = 1024
"""Characters of a query and of a header that are shown."""


MAX_NAME: Final = 128
KEPT: Final = 1024
"""Characters of a name, half of those that are shown, up to which it is remembered, and names that are."""


@final
class Redactor:
    """
    Hides secrets, by name and by form; made once, from the settings.

    Besides the names and forms that are known, it knows the user's:

    Args:
        names: Names of secrets; their words count wherever they are found in a row in a name.
        patterns: Regular expressions; what they find in a text or a value is hidden.
        calls: Functions of the name and the value of a header, a query parameter or a field that return what to show,
            or None to hide it; one that raises hides it, and is counted.

    Raises:
        ValueError: a name that has no words, or an expression that is none, or that may take long.
    """

    def __init__(
        self,
        names: Iterable[str] = (),
        patterns: Iterable[str] = (),
        calls: Iterable[Callable[[str, str], str | None]] = (),
    ) -> None:
        secret = SecretNames(names)
        self.hides = secret.hides
        """Whether a header or a field of this name is a secret."""
        self._calls = Calls(calls)
        own = [_judged(number, pattern) for number, pattern in enumerate(patterns)]
        self._longest = SQUARE if any(square for _, square in own) else None
        self._values = Values(secret, [pattern for pattern, _ in own])
        self._plain = not own and not self._calls
        self._known_name = lru_cache(KEPT)(self._name)
        self._queries = Queries(secret, self._values, self._calls)

    def text(self, value: Any, limit: int) -> str:
        """*value* as text of at most *limit* characters and a mark where it was cut, printable; never raises."""
        return self._cut(said(value), limit, self._printable)

    def source(self, line: str, limit: int) -> str:
        """A *line* of a program: of what is named as a secret, only literals are hidden."""
        return self._cut(line, limit, self._values.mask_source)

    def query(self, raw: str, allow: Collection[str] | None = None, limit: int = MAX_TEXT) -> str:
        """
        A query string.

        Args:
            raw: As it was sent.
            allow: Names whose values are shown; None for all that are not known to be secrets.
            limit: Characters that are shown.
        """
        read = raw[: limit + OVERLAP]
        shown = self._queries.shown(read) if allow is None else self._queries.allowed(read, allow)
        return shown[:limit]

    def header(self, name: str, value: str, limit: int = MAX_TEXT) -> str:
        """The *value* of a header."""
        if self.hides(name):
            return HEADER_MASK
        return self.value(name, value, limit, HEADER_MASK)[:limit]

    def field(self, name: str, value: Any) -> Any:
        """The *value* of a field, as JSON can say it; never raises."""
        return Fields(self).field(name, value)

    def fields(self, mapping: Mapping[str, Any]) -> dict[str, Any]:
        """All fields of *mapping*, of any depth."""
        shown = Fields(self).field("", mapping)
        return shown if isinstance(shown, dict) else {}

    def name(self, name: str) -> str:
        """The *name* of a field: what a stranger sends may hold a secret there, too."""
        return self._known_name(name) if len(name) < MAX_NAME else self._name(name)

    def _name(self, name: str) -> str:
        return self._cut(name, 2 * MAX_NAME, self._values.mask)

    def value(self, name: str, value: Any, limit: int, mask: str = MASK) -> str:
        """A *value* whose *name* is no secret's, as text."""
        if self._plain and type(value) is str and len(value) < min(HARMLESS, limit) and value.isalnum():
            return value
        text = self._cut(said(value), limit, self._values.mask)
        if self._calls and name:
            shown = self._calls(name, text)
            text = mask if shown is None else shown[: limit + 1]
        return text

    def _printable(self, text: str) -> str:
        return printable(self._values.mask(text))

    def _cut(self, text: str, limit: int, mask: Callable[[str], str]) -> str:
        """*text* masked, then cut; what is read beyond the limit is never shown, however much shorter it became."""
        if self._longest is not None and limit > self._longest:
            limit = self._longest
        shown = mask(utf8(text[: limit + OVERLAP]))
        if len(text) > limit + OVERLAP:
            return shown[: max(0, min(limit, len(shown) - OVERLAP))] + CUT
        return shown if len(shown) <= limit else shown[:limit] + CUT


def _judged(number: int, pattern: str) -> tuple[re.Pattern[str], bool]:
    try:
        found, square = judge(pattern)
        if found is None:
            return re.compile(pattern), square
    except (re.error, RecursionError, OverflowError) as error:
        found = f"it is no regular expression: {error}"
    raise ValueError(f"pattern {number}: {found}")


DEFAULT: Final = Redactor()
"""Knows what is known, and nothing of the user's."""
