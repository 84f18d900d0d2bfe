"""The section `redact`. What is said of a setting is said here, once."""

from collections.abc import Callable
from typing import Annotated, Final

from ..redaction import Redactor
from ..redaction.lint import judge
from ..redaction.names import SecretNames
from .kinds import Kind, Refused, kind, list_of
from .named import function
from .patterns import NO_EXPRESSION
from .section import Section, Setting
from .shown import shown

__all__ = ["RedactSettings"]


def _name(value: object) -> str:
    if isinstance(value, str) and value.isprintable() and len(value) <= 64:
        try:
            SecretNames([value])
        except ValueError:
            raise Refused from None
        return value
    raise Refused


name: Final[Kind] = kind("a name with letters or digits, up to 64 characters", _name)


def _pattern(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise Refused
    try:
        found = judge(value).risk
    except NO_EXPRESSION as error:
        raise Refused("", f"{shown(value)} is no regular expression: {error}") from None
    if found is not None:
        raise Refused("make it plainer: bounds such as {1,40} help", f"{shown(value)} is too risky: {found}")
    return value


pattern: Final[Kind] = kind("a regular expression", _pattern)


class RedactSettings(Section, frozen=True, kw_only=True):
    """
    What is hidden in lines, spans and errors, besides what is known to be secret.

    Known are, by their names, passwords, tokens, keys, cookies and the like, in headers, queries, fields and text; by
    their form, bearer and basic credentials, web tokens, private keys, users in URLs, numbers of cards, and the tokens
    that some services issue.
    """

    names: Annotated[
        tuple[str, ...],
        Setting(
            list_of(name, "names"),
            "Names of headers, parameters and fields whose values are hidden. Case, `-` and `_` do not count, and a"
            " name counts within a longer one: `iban` is found in `customer_iban`.",
            ["iban", "x-internal-user"],
        ),
    ] = ()
    patterns: Annotated[
        tuple[str, ...],
        Setting(
            list_of(pattern, "regular expressions"),
            "Regular expressions; what they find in a text or a value is hidden. One that may take long is refused."
            " With one that repeats without bounds before its end, such as `[a-z]+@`, no text is longer than 1024"
            " characters.",
            ["CUST-[0-9]{8}"],
        ),
    ] = ()
    calls: Annotated[
        tuple[Callable[[str, str], str | None], ...],
        Setting(
            list_of(function('"module:callable" or a callable that takes (name, value)', 2), "callables"),
            "Functions that take the name and the value of a header, a parameter or a field, and return what to show,"
            " or None to hide it. One that raises hides it, and is counted.",
            ["orders.privacy:shown"],
        ),
    ] = ()

    def redactor(self) -> Redactor:
        """What hides it."""
        return Redactor(self.names, self.patterns, self.calls)
