"""A section of the settings: a frozen record whose fields say how they are read and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_args

import msgspec

from ..nearest import nearest
from .kinds import Kind
from .shown import plain, shown

if TYPE_CHECKING:
    from .place import Place

__all__ = [
    "Field",
    "Section",
    "Setting",
    "fields_of",
    "read_section",
    "section",
    "sections_by_name",
    "sections_in_order",
]

REQUIRED: Any = msgspec.NODEFAULT


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all sections. As text, credentials are masked and callables named."""

    def __repr__(self) -> str:
        fields = ", ".join(f"{name.rstrip('_')}={plain(getattr(self, name))!r}" for name in self.__struct_fields__)
        return f"{type(self).__name__}({fields})"


class Setting(NamedTuple):
    """
    What is said of a field, once: in its annotation.

    Attributes:
        kind: What it takes, and how it is read.
        meaning: What it does, and why one would change it; a section says that itself.
        example: A value for the reference.
    """

    kind: Kind
    meaning: str = ""
    example: Any = None


class Field(NamedTuple):
    """One setting of a section."""

    name: str
    setting: Setting
    default: Any
    attribute: str


S = TypeVar("S", bound=Section)


@cache
def fields_of(kind: type[Section]) -> dict[str, Field]:
    """The settings of a section, by name."""
    fields: dict[str, Field] = {}
    for info in msgspec.structs.fields(kind):
        (setting,) = (note for note in get_args(info.type) if isinstance(note, Setting))
        factory = info.default_factory
        default = info.default if factory is REQUIRED else factory()
        name = info.name.rstrip("_")  # Words of Python's own, such as `global`, cannot be names of fields.
        fields[name] = Field(name, setting, default, info.name)
    return fields


def read_section(kind: type[S], place: Place, expected: str = "a dict of settings") -> S | None:
    """The section that stands at *place*; None if that is no dict, or something that it must have is missing."""
    if not isinstance(place.value, Mapping):
        place.wrong(f"expected {expected}, got {shown(place.value)}")
        return None
    fields = fields_of(kind)
    values: dict[str, Any] = {}
    for key, given in place.value.items():
        field = fields.get(key)
        if field is None:
            _unknown(place.entry(key, given), kind, place)
        elif given is not None:
            values[field.attribute] = field.setting.kind.read(given, place.entry(key, given, key))
    missing = [name for name, field in fields.items() if field.default is REQUIRED and name not in values]
    if missing:
        place.wrong(f'"{missing[0]}" is missing', f"expected {fields[missing[0]].setting.kind.expected}")
        return None
    return kind(**values)


def _unknown(here: Place, kind: type[Section], place: Place) -> None:
    known = fields_of(kind)
    path = place.documented_path
    guess = nearest(here.key, known)
    if guess:
        right = f"{path}.{guess}" if path else guess
        here.unknown(tuple(known), f'did you mean "{guess}"?', right)
        return
    below = [] if path else _below(here.key, known)
    here.unknown(tuple(known), f'did you mean "{below[0]}"?' if below else "", below[0] if below else path)


def _below(key: object, known: Mapping[str, Field]) -> list[str]:
    """Where *key* is a setting of one of the sections."""
    sections: dict[str, type[Section] | None] = {name: field.setting.kind.section for name, field in known.items()}
    return [f"{name}.{key}" for name, section in sections.items() if section and key in fields_of(section)]


def section(kind: type[Section], *, off: bool = True) -> Kind:
    """A dict of settings; typed as None where it is switched *off* by False."""
    expected = "a dict of settings or False" if off else "a dict of settings"

    def read(value: object, place: Place) -> Section | None:
        return None if off and value is False else read_section(kind, place, expected)

    return Kind(expected, read, kind)


def sections_by_name(kind: type[Section], short: Kind, field: str) -> Kind:
    """A dict of sections by names that the user chooses; a value that is no dict is the *field* of its section."""

    def read(value: object, place: Place) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            place.wrong(f"expected a dict by name, got {shown(value)}")
            return {}
        found: dict[str, Any] = {}
        for name, given in value.items():
            here = place.entry(name, given, "NAME")
            if not _is_name(name):
                here.wrong('expected a name of one line, up to 64 characters, without "/" and spaces around it')
            elif isinstance(given, Mapping):
                found[name] = read_section(kind, here)
            elif given is not None:
                found[name] = kind(**{field: short.read(given, here)})
        return found

    return Kind(f"a dict by name of {short.expected}, or of dicts of settings", read, kind, named="NAME")


def sections_in_order(kind: type[Section]) -> Kind:
    """A list of sections; typed as a tuple."""

    def read(value: object, place: Place) -> tuple[Section, ...]:
        if not isinstance(value, list | tuple):
            place.wrong(f"expected a list of dicts of settings, got {shown(value)}")
            return ()
        found = [read_section(kind, place.item(index, given, "ITEM")) for index, given in enumerate(value)]
        return tuple(section for section in found if section is not None)

    return Kind("a list of dicts of settings", read, kind, named="ITEM")


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name.strip("/ ") == name != "" and name.isprintable() and len(name) <= 64
