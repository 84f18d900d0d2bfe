"""
Query strings without secrets.

Two ways: all values are shown but those that are secrets by their name or by what they hold (as spans do it), or none
but those of names that somebody has listed (as request lines do it). Names and order stay, so that a query can be
recognised. Where the separator is in doubt (some servers take `;` for one) more is hidden.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final
from urllib.parse import quote_plus

from .mask import HARMLESS, QUERY_MASK
from .names import decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from .calls import Calls
    from .names import SecretNames
    from .values import Values

__all__ = ["Queries"]

BARE: Final = 32
"""Characters that a name without a value may have: more, and it is a value without a name."""

# No secret by its form is short, a UUID, a number in hexadecimal that is not a decimal one, or words: most values are.
_is_dull: Final = re.compile(
    rf"[\w.\-]{{1,{HARMLESS - 1}}}|[0-9a-fA-F]{{8}}-(?:[0-9a-fA-F]{{4}}-){{3}}[0-9a-fA-F]{{12}}"
    r"|(?=[0-9]*+[a-f])[0-9a-f]{11,64}|[a-z]++(?:\+[a-z]++)*+"
).fullmatch


@final
class Queries:
    """
    Shows query strings.

    Args:
        names: Those of secrets.
        values: Masks what is a secret by its form.
        calls: What the user's functions make of a value.
    """

    def __init__(self, names: SecretNames, values: Values, calls: Calls) -> None:
        self._hides = names.hides_in_query
        self._mask = values.mask
        self._calls = calls
        # Of what the user's expressions find nothing is known.
        self._is_dull: Callable[[str], object] = _is_dull if values.only_known else lambda value: not value
        self._asks = bool(calls) or not values.only_known

    def shown(self, raw: str) -> str:
        """*raw* with the values replaced that are, or by their names may be, secrets."""
        hides = self._hides
        if not self._asks:
            for piece in raw.split("&"):
                name, _, value = piece.partition("=")
                # What this says of most queries is all that it costs the server span.
                plain = (len(value) < HARMLESS and value.isalnum()) or _is_dull(value)
                if not plain or not name or hides(name) or ";" in name:
                    break
            else:
                return raw
        return "&".join(map(self._piece, raw.split("&")))

    def _piece(self, piece: str) -> str:
        """What is between two ampersands."""
        shown: list[str] = []
        for part in piece.split(";"):
            shown.append(self._part(part))
            if shown[-1] != part:
                break
        return ";".join(shown)

    def _part(self, part: str) -> str:
        name, equals, value = part.partition("=")
        if len(name) > BARE and not value.strip("="):
            return QUERY_MASK
        if not name:
            hidden = len(value) > BARE or self._hides(value) or self._carries(value)
            return f"={QUERY_MASK}" if hidden else part
        if not equals:
            return QUERY_MASK if self._hides(name) or self._carries(name) else part
        if self._hides(name) or self._carries(value):
            return f"{name}={QUERY_MASK}"
        return self._called(name, value)

    def _carries(self, value: str) -> bool:
        """Whether *value* holds a secret: a token, or an address that carries one on."""
        if self._is_dull(value):
            return False
        plain = decoded(value)
        if plain is None:
            return True
        plain = f"?{plain}".replace("+", " ")
        return self._mask(plain) != plain

    def _called(self, name: str, value: str) -> str:
        if self._calls:
            shown = self._calls(name, value)
            value = QUERY_MASK if shown is None else value if shown == value else quote_plus(shown, errors="replace")
        return f"{name}={value}"

    def allowed(self, raw: str, allow: Collection[str]) -> str:
        """*raw* with only the values of names in *allow*, and of them none that is a secret."""
        return "&".join(
            ";".join(self._allowed_part(part, allow) for part in piece.split(";")) for piece in raw.split("&")
        )

    def _allowed_part(self, part: str, allow: Collection[str]) -> str:
        name, equals, value = part.partition("=")
        plain = decoded(name)
        if plain is not None and plain.replace("+", " ") in allow and not self._hides(name):
            if not equals:
                return part
            return f"{name}={QUERY_MASK}" if self._carries(value) else self._called(name, value)
        if not part or (equals and 0 < len(name) <= BARE and not self._carries(name)):
            return f"{name}={QUERY_MASK}" if part else ""
        return QUERY_MASK
