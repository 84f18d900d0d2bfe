"""
Which names stand for secrets: of headers, query parameters, fields of bodies and of wide events.

A name is taken apart into words at `-`, `_`, `.`, other punctuation and the humps of camelCase, and judged by them:
`user_password`, `userPassword` and `X-User-Password` are one name, and `author`, `monkey` and `secretary` are none.
Percent-encoding is undone first (again and again: a proxy may have encoded it once more), and letters of other scripts
that look like ours, or that Unicode says are the same, count as ours.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final, final
from urllib.parse import unquote

from .words import ANYWHERE, ENDINGS, HARMLESS, LAST, QUERY, WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LONGEST", "SecretNames", "decoded", "words_of"]

LONGEST: Final = 256
"""Characters of a name; whatever is longer has a reason to be hidden."""

ROUNDS: Final = 4
"""How often something is percent-decoded; what is encoded more often has a reason to be."""

KEPT: Final = 1024
"""Names whose verdict is kept; strangers make them up."""

WINDOW: Final = 4
"""Words that may make up one secret: `aws_access_key_id`."""

_humps: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W_A-Za-z0-9]+").findall
_words: Final = re.compile(r"[a-z]+|[0-9]+|[^\W_a-z0-9]+").findall
_parts: Final = re.compile(r"[\w\-]+").findall

# Cyrillic and Greek letters that are drawn as ours are; NFKC leaves them alone.
_lookalikes: Final = str.maketrans(
    "аеорсухіјѕԁһԛԝкмтвнАЕОРСУХІЈЅКМТВНΑΒΕΖΗΙΚΜΝΟΡΤΥΧοινυκρτıſ",
    "aeopcyxijsdhqwkmtbhAEOPCYXIJSKMTBHABEZHIKMNOPTYXoivukptis",
)


def decoded(text: str) -> str | None:
    """*text* with all percent-encoding undone; None where there is no end to it."""
    for _ in range(ROUNDS):
        if "%" not in text:
            return text
        plain = unquote(text)
        if plain == text:
            return text
        text = plain
    return text if "%" not in text or unquote(text) == text else None


def words_of(name: str) -> list[str]:
    """The words of a *name* in lower case, humps taken for beginnings."""
    return [word.lower() for word in _humps(_folded(name))]


def _folded(name: str) -> str:
    if name.isascii():
        return name
    name = unicodedata.normalize("NFKD", name).translate(_lookalikes)
    return "".join(character for character in name if unicodedata.category(character) not in {"Mn", "Cf", "Cc"})


def _windows(words: list[str]) -> Iterable[str]:
    for start in range(len(words)):
        for end in range(start + 1, min(start + WINDOW, len(words)) + 1):
            yield "".join(words[start:end])


@final
class SecretNames:
    """
    Tells whether a name is that of a secret.

    Args:
        own: Further names; each is one wherever its words are found in a row: `iban` is one in `customer-iban`.

    Raises:
        ValueError: one of them has no letters and no digits.
    """

    def __init__(self, own: Iterable[str] = ()) -> None:
        given = {name: "".join(words_of(name)) for name in own}
        for name, joined in given.items():
            if not joined:
                raise ValueError(f"{name!r} is no name: it has no letters and no digits")
        self._own = frozenset(given.values())
        self.roots = tuple({min(words_of(name), key=lambda word: (-len(word), word))[:8] for name in given})
        """Text in which none of these is found has none of the *own* names in it."""
        self._hides = lru_cache(KEPT)(partial(self._judged, whole=WHOLE))
        self._hides_in_query = lru_cache(KEPT)(partial(self._judged, whole=QUERY))

    def hides(self, name: str) -> bool:
        """Whether the name of a header or of a field is that of a secret; one that is too long may be."""
        return len(name) > LONGEST or self._hides(name)

    def hides_in_query(self, name: str) -> bool:
        """The same for a parameter of a query, where some names mean more, such as the `code` of OAuth."""
        return len(name) > LONGEST or self._hides_in_query(name)

    def _judged(self, name: str, whole: frozenset[str]) -> bool:
        plain = decoded(name)
        if plain is None:
            return True
        folded = _folded(plain)
        # Whoever writes toKen would get past the humps, whoever writes accessToken past the separators.
        lists = _words(folded.lower()), [word.lower() for word in _humps(folded)]
        if any(self._tell(words) for words in lists):
            return True
        last = _parts(folded.lower())[-1:]
        return bool(last) and "".join(_words(last[0])) in whole

    def _tell(self, words: list[str]) -> bool:
        found = self._own and not self._own.isdisjoint(_windows(words))
        while words and words[-1].isdigit():
            words = words[:-1]
        if found or not words:
            return bool(found)
        last = words[-1]
        if last in LAST or last.endswith(ENDINGS):
            return True
        return last not in HARMLESS and (
            not ANYWHERE.isdisjoint(_windows(words)) or any(word.endswith(ENDINGS) for word in words)
        )
