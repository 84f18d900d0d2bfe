"""
Secrets in text that are known by the name in front of them.

`password=...`, `password: ...`, `"password": "..."`, `('password', '...')`, `--password ...`, and the parameters of
URLs within text. The names are judged by `SecretNames`, so these are found wherever a field of that name would be.

After a colon people also write prose. Left alone are a word that other words follow (`password: must be longer`) and
what a parser says of its own tokens (`unexpected token: '}'`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, final

from .mask import MASK
from .words import ROOTS

if TYPE_CHECKING:
    from .names import SecretNames

__all__ = ["Pairs"]

LONGEST: Final = 128
"""Characters of a name, from its end, that are judged: what is before them may be anything that came before it."""

SHORT: Final = 512
"""Characters of a text in which it is not worth asking first whether it could have any name of a secret."""

_sign: Final = re.compile(r"[=:](?:(?<==)={0,2}+>?|(?<=:)(?!//))\s{0,3}+")

_source_sign: Final = re.compile(_sign.pattern + r"(?=[bBrRfFuU]{0,2}['\"])")

# What is before a sign, read backwards: blanks, the end of a quotation or of an index, and the name.
_before: Final = re.compile(r"!?\s{0,3}+(\]?['\"]\\*+)?([\w%.\-\[\]]++)")

# A tuple of a header or a parameter, and the arguments of a program.
_argument: Final = re.compile(r"(?:\(\s?b?['\"]|(?<![\w\-])(?=--))([\w%.\-]++)(?:['\"]\s?,\s{0,3}+|\s(?!-))(?=\S)")

_scheme: Final = r"(?:(?i:basic|bearer|digest|negotiate|ntlm|token|apikey|aws4-hmac-sha256)\s{1,3}+)"

_literal: Final = r"[bBrRfFuU]{0,2}(?:\"(?:[^\"\\]|\\.)*+(?:\"|\Z)|'(?:[^'\\]|\\.)*+(?:'|\Z))"

# Quotes that are escaped are those of JSON within a string. A comma may be a part of a password, unless a name follows.
_value: Final = re.compile(
    rf"(?:[\w.]{{1,40}}+\()?{_literal}|\\++\"[^\"]*+\"?|\\++'[^']*+'?|[\[{{(][^\]}})]*+[\]}})]?"
    rf"|{_scheme}?(?:[^\s'\",;&)]|[,;](?=[^\s'\",;&)=:]++(?:[\s'\",;&)]|\Z)))++",
    re.DOTALL,
)
_source_value: Final = re.compile(_literal, re.DOTALL)

HEADERS: Final = ("authorization", "cookie")
"""Names that end so have the rest of their line for a value."""

_rest: Final = re.compile(rf"({_scheme}?)[^\r\n]*+")
_rest_quoted: Final = {
    "'": re.compile(rf"({_scheme}?)[^\r\n']*+"),
    '"': re.compile(rf"({_scheme}?)[^\r\n\"]*+"),
}

_sentence: Final = re.compile(r"[A-Za-z]+[.,]?[ \t]+[A-Za-z']+[.,]?(?![\w:=])").match
_has_word: Final = re.compile(r"\w").search


class _Found(NamedTuple):
    """A name, the character before it, whether it ends a quotation or an index, its sign, and where a value starts."""

    name: str
    before: str
    quoted: bool
    sign: str
    end: int


@final
class Pairs:
    """
    Masks the values of secret names in text.

    Args:
        names: Which they are.
    """

    def __init__(self, names: SecretNames) -> None:
        self._names = names
        self._roots = (*ROOTS, *(root for root in names.roots if root not in ROOTS))

    def mask(self, text: str, *, source: bool = False) -> str:
        """
        *text* without the values.

        Args:
            source: It is a line of a program: only literals are values, and expressions are shown.
        """
        if ("=" in text or ":" in text) and (len(text) < SHORT or self._may_have(text)):
            text = self._masked_pairs(text, source)
        if ("--" in text or "('" in text or '("' in text or "(b" in text) and self._may_have(text):
            text = self._masked_arguments(text, _source_value if source else _value)
        return text

    def _may_have(self, text: str) -> bool:
        if "%" in text or not text.isascii():
            return True
        low = text.lower()
        return any(root in low for root in self._roots)

    def _masked_pairs(self, text: str, source: bool) -> str:
        pieces: list[str] = []
        done = 0
        signs = _source_sign if source else _sign
        sign = signs.search(text)
        while sign is not None:
            end = sign.end()
            at = sign.start()
            name = _before.match(text[max(done, at - LONGEST - 8) : at][::-1])
            if name is not None:
                start = at - name.end()
                found = _Found(name[2][LONGEST - 1 :: -1], text[start - 1 : start], name[1] is not None, text[at], end)
                if self._is_secret(found):
                    start, end = _span(text, found, source)
                    if end > start:
                        pieces += text[done:start], MASK
                        done = end
            sign = signs.search(text, end)
        return "".join([*pieces, text[done:]]) if pieces else text

    def _masked_arguments(self, text: str, values: re.Pattern[str]) -> str:
        pieces: list[str] = []
        done = 0
        found = _argument.search(text)
        while found is not None:
            end = found.end()
            value = values.match(text, end) if self._names.hides(found[1][-LONGEST:]) else None
            if value is not None:
                pieces += text[done:end], MASK
                done = end = value.end()
            found = _argument.search(text, end)
        return "".join([*pieces, text[done:]]) if pieces else text

    def _is_secret(self, found: _Found) -> bool:
        names = self._names
        return names.hides(found.name) or (found.before in {"?", "&"} and names.hides_in_query(found.name))


def _span(text: str, found: _Found, source: bool) -> tuple[int, int]:
    """From where to where the value reaches; nowhere if there is none."""
    start = found.end
    if source:
        value = _source_value.match(text, start)
        return (start, start if value is None else value.end())
    if found.sign == ":" and not found.quoted:
        if found.name.lower().endswith(HEADERS) and not text.startswith(("'", '"'), start):
            line = _rest_quoted.get(found.before, _rest).match(text, start)
            if line is not None and (line[1] or _sentence(text, start) is None):
                return line.end(1), line.end()
        if _is_prose(text, found):
            return start, start
    value = _value.match(text, start)
    return (start, start if value is None else value.end())


def _is_prose(text: str, found: _Found) -> bool:
    if text.startswith(("'", '"'), found.end):
        value = _source_value.match(text, found.end)
        of_a_parser = found.name.lower() == "token" and found.before == " "
        return value is not None and (of_a_parser or _has_word(value[0]) is None)
    return _sentence(text, found.end) is not None
