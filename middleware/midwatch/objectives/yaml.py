"""YAML of dicts, lists, texts and numbers, as a person would write it; no parser is needed for that."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["to_yaml"]

_word: Final = r"[A-Za-z0-9_./()-]+(?::[A-Za-z0-9_./()-]+)*"

_is_plain: Final = re.compile(rf"[0-9]+[smhd]|(?=[A-Za-z_/]){_word}(?: {_word})*").fullmatch
"""Texts that no version of YAML reads as anything else, but for the words below."""

WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf"})


def to_yaml(value: Any) -> str:
    """
    *value* as one YAML document: dicts keep their order, empty ones are written as `{}`.

    Raises:
        TypeError: there is something else in it.
    """
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _entry(f"{_scalar(key)}:", item, "" if isinstance(item, list) else "  ")
    elif isinstance(value, list) and value:
        for item in value:
            yield from _item(item)
    else:
        yield _scalar(value)


def _entry(key: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict | list) and value:
        yield key
        yield from (f"{indent}{line}" for line in _lines(value))
    elif isinstance(value, str) and _is_block(value):
        yield f"{key} |-"
        yield from (f"  {line}" if line else "" for line in value.split("\n"))
    else:
        yield f"{key} {_scalar(value)}"


def _item(value: Any) -> Iterator[str]:
    """An item of a list, its first line beside the dash."""
    if isinstance(value, dict | list) and value:
        first, *rest = _lines(value)
        yield f"- {first}"
        yield from (f"  {line}" if line else "" for line in rest)
    else:
        yield from _entry("-", value, "  ")


def _is_block(text: str) -> bool:
    """Whether *text* reads well, and stays the same, as lines of a block."""
    lines = text.split("\n")
    ends = lines[-1] != "" and lines[0][:1] not in {"", " "}
    return len(lines) > 1 and ends and all(line.isprintable() and line == line.rstrip() for line in lines)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value)
    if value is None:
        return "null"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict | list):
        return "[]" if isinstance(value, list) else "{}"
    raise TypeError(f"{type(value).__name__} cannot be written as YAML")


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    text = repr(value)
    # YAML 1.1 reads 1e-05 as a text.
    return text if "e" not in text or "." in text else text.replace("e", ".0e")


def _text(text: str) -> str:
    if _is_plain(text) and not WORDS & set(text.lower().split()):
        return text
    if text.isprintable() and ('"' in text or "\\" in text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    if character == "\n":
        return r"\n"
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
