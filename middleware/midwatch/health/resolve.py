"""Names of Python objects in settings: `"module:attribute"`, imported at start, with a hint where that fails."""

from __future__ import annotations

import importlib
import pkgutil
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["nearest", "resolve"]


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing where nothing comes near."""
    found = get_close_matches(name, list(known), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def resolve(place: str, spec: str) -> object:
    """
    The object that *spec* names: `module:attribute`, the attribute may have dots.

    Args:
        place: Path of the setting, for the message.
        spec: Of the form above.

    Raises:
        ValueError: another form, no such module or attribute, or the module cannot be imported.
    """
    name, colon, attributes = spec.partition(":")
    if not (name and colon and attributes):
        likely = ":".join(spec.rsplit(".", 1))
        hint = f"; did you mean {likely!r}?" if ":" in likely and not colon else ""
        raise ValueError(f"{place}: {spec!r} is not module:callable{hint}")
    found = _imported(place, name)
    for attribute in attributes.split("."):
        if not hasattr(found, attribute):
            raise ValueError(f"{place}: {name!r} has no {attributes!r}{nearest(attribute, dir(found))}")
        found = getattr(found, attribute)
    return found


def _imported(place: str, name: str) -> object:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name != missing and not name.startswith(missing + "."):
            raise ValueError(f"{place}: {name!r} cannot be imported: {error}") from error
        raise ValueError(f"{place}: there is no module {name!r}{_nearest_module(name, missing)}") from error
    except Exception as error:
        raise ValueError(f"{place}: {name!r} cannot be imported: {type(error).__name__}: {error}") from error


def _nearest_module(name: str, missing: str) -> str:
    """A hint at the first part of *name* that is *missing*, from what lies beside it."""
    parent, dot, last = missing.rpartition(".")
    paths = getattr(importlib.import_module(parent), "__path__", ()) if parent else None
    beside = [module.name for module in pkgutil.iter_modules(paths)]
    rest = name.removeprefix(missing)
    found = get_close_matches(last, beside, n=1)
    return f"; did you mean {parent + dot + found[0] + rest!r}?" if found else ""
