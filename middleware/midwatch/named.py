"""Python objects by name: `module:attribute`, the attribute may have dots; importing them is a part of the start."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from typing import TYPE_CHECKING, Any

from .nearest import nearest

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["UnnamedError", "imported", "raised"]

_is_reference = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*):([^\W\d]\w*(?:\.[^\W\d]\w*)*)").fullmatch


class UnnamedError(ValueError):
    """
    Nothing has this name.

    Attributes:
        reason: What is missing; empty for what is no name of this form.
        hint: What was probably meant, where that can be told.
    """

    def __init__(self, reason: str = "", guess: str | None = "") -> None:
        super().__init__(reason, guess)
        self.reason = reason
        self.hint = f'did you mean "{guess}"?' if guess else ""


def imported(text: str) -> Any:
    """
    What `module:attribute` names.

    Raises:
        UnnamedError: another form, there is no such thing, or its module does not import.
    """
    match = _is_reference(text)
    if match is None or not text.isprintable() or len(text) > 255:
        raise UnnamedError(guess=_with_colon(text))
    found: Any = _module(match[1])
    seen = match[1]
    for name in match[2].split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            public = (known for known in dir(found) if not known.startswith("_"))
            raise UnnamedError(f"{seen} has no {name}", nearest(name, public)) from None
        except Exception as error:
            raise UnnamedError(f"{seen}.{name} raised {raised(error)}") from None
        seen += f".{name}"
    return found


def raised(error: BaseException) -> str:
    """Its name and what it says, without credentials."""
    from .settings.shown import masked_words  # noqa: PLC0415 - settings name what is imported here

    try:
        text = str(error)
    except Exception:
        text = ""
    name = type(error).__name__
    return f"{name}: {masked_words(text)}" if text else name


def _with_colon(text: str) -> str | None:
    """*text* as it should be, where a dot is in the place of the colon."""
    likely = ":".join(text.rsplit(".", 1))
    return likely if len(text) <= 255 and text.isprintable() and _is_reference(likely) else None


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise UnnamedError(f"importing {name} raised {raised(error)}") from None
        raise UnnamedError(f"there is no module {error.name}", _nearest_module(error.name)) from None
    except (Exception, SystemExit) as error:
        raise UnnamedError(f"importing {name} raised {raised(error)}") from None


def _nearest_module(name: str) -> str | None:
    """A module beside the one that is missing; none of Python's own, for nobody has settings or checks there."""
    package, dot, last = name.rpartition(".")
    if not dot:
        every = (module.name for module in pkgutil.iter_modules())
        return nearest(last, (name for name in every if name not in sys.stdlib_module_names))
    path = getattr(sys.modules.get(package), "__path__", ())
    guess = nearest(last, (module.name for module in pkgutil.iter_modules(path)))
    return guess and f"{package}.{guess}"
