"""Values as a person may see them: short, on one line, in ASCII, and without credentials."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["literal", "masked", "masked_words", "plain", "shown"]

LENGTH: Final = 72
"""Characters of one text that a message shows."""

HIDDEN: Final = "***"

_scheme = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://").match
_opaque = re.compile(r"/(?=[A-Za-z_-]*[0-9])(?=[0-9_-]*[A-Za-z])[A-Za-z0-9_-]{16,}")
_pair = re.compile(r"([^&;=]*)(=?)([^&;]*)")


def masked(text: str) -> str:
    """
    *text* without what a URL may carry in secret: user information, values of the query, the fragment.

    A password may hold any character, so all up to the last `@` is taken for user information. The path of a webhook is
    a secret; with services that people are told by, everything may be one.
    """
    scheme = _scheme(text)
    start = scheme.end() if scheme else 0
    if scheme and (told := _all_secret(scheme[0].lower(), text[start:])) is not None:
        return scheme[0] + told
    user, at, rest = text[start:].rpartition("@")
    if at and (scheme or ":" in user):
        text = f"{text[:start]}{HIDDEN}@{rest}"
    if scheme and not text.startswith(("file:", "sqlite:")):
        # As in the URLs of webhooks, which hold nothing else that is secret.
        text = _opaque.sub(f"/{HIDDEN}", text)
    text, mark, fragment = text.partition("#")
    text, question, query = text.partition("?")
    if query:
        text += question + _pair.sub(_hide, query)
    return text + mark + (HIDDEN if fragment else "")


def _all_secret(scheme: str, rest: str) -> str | None:
    """What may be shown of a URL in which more than the usual is a secret."""
    if scheme.startswith("webhook"):
        host, slash, path = rest.rpartition("@")[2].partition("/")
        return f"{host.partition('?')[0]}{slash}{HIDDEN if path or '?' in host else ''}"
    # Where it is asked for: this is imported before almost everything else.
    from ..errors.destinations.people.apprise_schemes import SCHEMES  # noqa: PLC0415

    return HIDDEN if scheme.removesuffix("://").rpartition("apprise+")[2] in SCHEMES else None


def _hide(pair: re.Match[str]) -> str:
    name, equals, value = pair.groups()
    if not equals:
        return HIDDEN if name else ""
    return f"{name}={HIDDEN if value else ''}"


def masked_words(text: str, length: int = 200) -> str:
    """The words of *text*, each of them masked, on one line of at most *length* characters."""
    line = " ".join(masked(word) for word in text[: 4 * length].split())
    line = line if len(line) <= length else line[: length - 3] + "..."
    return "".join(character if character.isprintable() else "?" for character in line)


def shown(value: object) -> str:
    """*value* as a short Python literal; containers and objects only by their kind."""
    if isinstance(value, str):
        text = masked(value)
        return json.dumps(text if len(text) <= LENGTH else text[: LENGTH - 3] + "...")
    if value is None or isinstance(value, bool) or type(value) is float:
        return repr(value)
    if type(value) is int:
        return repr(value) if abs(value) < 10**18 else "<a huge int>"
    for kind, brackets in ((Mapping, "{}"), (list, "[]"), (tuple, "()")):
        if isinstance(value, kind):
            return "...".join(brackets) if value else brackets
    return f"<{_name(value)}>"


def plain(value: Any) -> Any:
    """*value* as JSON can say it, masked; callables and objects by name, never by their content."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    fields = getattr(type(value), "__struct_fields__", None)
    if fields is not None:
        held = {name: getattr(value, name) for name in fields}
        return {name: plain(item) for name, item in held.items() if item is not None and item != ()}
    if getattr(type(value), "__module__", "").startswith("midwatch.health.builtin."):
        return masked(repr(value))  # As it was written, without what is secret.
    return _name(value)


def literal(value: Any) -> str:
    """A value that is `plain`, as Python writes it, with double quotes."""
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)}: {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    return repr(value)


def _name(value: object) -> str:
    """`module:qualname` of what has a name of its own, else of its type."""
    for named in (value, type(value)):
        module = name = None
        with contextlib.suppress(Exception):  # It may make up its attributes, and fail.
            module, name = getattr(named, "__module__", None), getattr(named, "__qualname__", None)
        if isinstance(module, str) and isinstance(name, str):
            return name if module == "builtins" else f"{module}:{name}"
    return "object"
