"""Resources named by the arguments of a call: `"order:{order_id}"`."""

from __future__ import annotations

import inspect
from string import Formatter
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

from .canonical import plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["RETURN", "Template"]

RETURN: Final = "return"
"""Stands for what the call returned; no argument can be called so."""

UNKNOWN: Final = "?"
"""Stands for what an argument did not tell."""

Part: TypeAlias = tuple[str, str | None]
"""Text, and the field that follows it."""

_formatter: Final = Formatter()


@final
class Template:
    """
    A resource, with fields that are arguments of *function*, their attributes (`{order.id}`) or items (`{order[id]}`).

    Args:
        text: `type:id`. What an argument says ends up on its side of the colon, whatever is in it.
        function: Whose arguments.

    Attributes:
        late: It names what the call returned.

    Raises:
        ValueError: no such argument, or something that is no template.
    """

    def __init__(self, text: str, function: Callable[..., Any]) -> None:
        self._parts = _parsed(text)
        fields = {_first(field) for _, field in self._parts if field is not None}
        self.late = RETURN in fields
        self._signature = inspect.signature(function) if fields - {RETURN} else None
        if self._signature is not None:
            _check(text, fields - {RETURN}, self._signature)
        self._kind, self._identity = _split(self._parts)

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """What the fields are taken from; nothing where the call does not fit the function."""
        if self._signature is None:
            return {}
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError:
            return {}
        bound.apply_defaults()
        found = bound.arguments
        for parameter in self._signature.parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                found.update(found.pop(parameter.name))
        return found

    def render(self, arguments: Mapping[str, Any]) -> str | dict[str, str]:
        """The resource; what is not there, or raises, is `?`."""
        kind = _rendered(self._kind, arguments)
        return kind if self._identity is None else {"type": kind, "id": _rendered(self._identity, arguments)}


def _parsed(text: str) -> list[Part]:
    try:
        parts = list(_formatter.parse(text))
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None
    for _, field, form, conversion in parts:
        if field is not None and (form or conversion or not _first(field).isidentifier()):
            raise ValueError(f"{text!r}: a field is the name of an argument, such as {{order_id}} or {{order.id}}")
    return [(before, field) for before, field, _, _ in parts]


def _first(field: str) -> str:
    """The argument that *field* begins with."""
    return field.partition(".")[0].partition("[")[0]


def _check(text: str, fields: set[str], signature: inspect.Signature) -> None:
    parameters = signature.parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    missing = sorted(fields - parameters.keys())
    if missing:
        raise ValueError(f"{text!r}: there is no argument {missing[0]!r}, only {', '.join(parameters) or 'none'}")


def _split(parts: list[Part]) -> tuple[list[Part], list[Part] | None]:
    """Type and id, at the first colon that is not an argument's."""
    for number, (before, field) in enumerate(parts):
        kind, colon, rest = before.partition(":")
        if colon:
            return [*parts[:number], (kind, None)], [(rest, field), *parts[number + 1 :]]
    return parts, None


def _rendered(parts: list[Part], arguments: Mapping[str, Any]) -> str:
    return "".join(before + ("" if field is None else _value(field, arguments)) for before, field in parts)


def _value(field: str, arguments: Mapping[str, Any]) -> str:
    try:
        value, _ = _formatter.get_field(field, (), arguments)
    except Exception:
        return UNKNOWN
    return UNKNOWN if value is None else plain_text(value)
