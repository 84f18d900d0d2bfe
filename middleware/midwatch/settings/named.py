"""What settings name in Python: `module:attribute`, callables and plugins; importing them is a part of the start."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from typing import TYPE_CHECKING, Any, Final

from ..moments import Moments
from ..plugin import Plugin
from .kinds import Kind, Refused, kind, plain_function
from .problem import nearest
from .shown import masked_words, shown

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["function", "imported", "no_arguments", "plugin", "trust"]

_is_reference = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*):([^\W\d]\w*(?:\.[^\W\d]\w*)*)").fullmatch


def imported(text: str) -> Any:
    """
    What `module:attribute` names.

    Raises:
        Refused: there is no such thing, or its module does not import; the reason names it.
    """
    match = _is_reference(text)
    if match is None or not text.isprintable() or len(text) > 255:
        raise Refused
    found: Any = _module(match[1])
    seen = match[1]
    for name in match[2].split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            guess = nearest(name, (known for known in dir(found) if not known.startswith("_")))
            raise Refused(f'did you mean "{guess}"?' if guess else "", f"{seen} has no {name}") from None
        except Exception as error:
            raise Refused("", f"{seen}.{name} raised {_told(error)}") from None
        seen += f".{name}"
    return found


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise Refused("", f"importing {name} raised {_told(error)}") from None
        guess = _nearest_module(error.name)
        raise Refused(f'did you mean "{guess}"?' if guess else "", f"there is no module {error.name}") from None
    except (Exception, SystemExit) as error:
        raise Refused("", f"importing {name} raised {_told(error)}") from None


def _nearest_module(name: str) -> str | None:
    """A module beside the one that is missing."""
    package, dot, last = name.rpartition(".")
    if not dot:
        return nearest(last, (module.name for module in pkgutil.iter_modules()))
    path = getattr(sys.modules.get(package), "__path__", ())
    guess = nearest(last, (module.name for module in pkgutil.iter_modules(path)))
    return guess and f"{package}.{guess}"


def _told(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = ""
    name = type(error).__name__
    return f"{name}: {masked_words(text)}" if text else name


def no_arguments(value: object) -> Any:
    """*value*, or what it names, if it can be called without arguments; else refused."""
    found = imported(value) if isinstance(value, str) else value
    if isinstance(found, type) or not callable(found):
        raise Refused("", f"{value} is {shown(found)}, which is no function" if isinstance(value, str) else "")
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return found  # Some builtins do not tell.
    try:
        signature.bind()
    except TypeError as error:
        raise Refused("a check is called without arguments", f"{shown(found)} cannot be called: {error}") from None
    return found


def function(expected: str, arguments: int) -> Kind:
    """A plain function, or what names one, that can be called with so many arguments."""

    def accept(value: object) -> Any:
        found = imported(value) if isinstance(value, str) else value
        if isinstance(found, type) or not callable(found):
            raise Refused("", f"{value} is {shown(found)}, which is no function" if isinstance(value, str) else "")
        try:
            inspect.signature(found).bind(*range(arguments))
        except (TypeError, ValueError) as error:
            raise Refused("", f"{shown(found)} cannot be called with {arguments} arguments: {error}") from None
        return plain_function(found)

    return kind(expected, accept)


def _trust(value: object) -> Any:
    words = ("always", "proxies", "never")
    if isinstance(value, str) and ":" not in value:
        if value in words:
            return value
        guess = nearest(value, words)
        raise Refused(f'did you mean "{guess}"?' if guess else "")
    found = imported(value) if isinstance(value, str) else value
    if isinstance(found, type) or not callable(found):
        raise Refused("", f"{value} is {shown(found)}, which is no function" if isinstance(value, str) else "")
    return plain_function(found)


trust: Final[Kind] = kind('"always", "proxies", "never", a callable or "module:callable"', _trust)


def _plugin(value: object) -> Plugin:
    found = imported(value) if isinstance(value, str) else value
    if isinstance(found, type) and issubclass(found, Plugin):
        if not isinstance(value, str):
            raise Refused(f"write {found.__name__}()", f"expected a Plugin instance, got the class {found.__name__}")
        try:
            found = found()
        except (Exception, SystemExit) as error:
            raise Refused("give an instance", f"{value}() raised {_told(error)}") from None
    if not isinstance(found, Plugin):
        raise Refused("", f"{value} is not a midwatch.Plugin: it is {shown(found)}" if isinstance(value, str) else "")
    try:
        Moments((found,))
    except TypeError as error:
        raise Refused("", str(error)) from None
    return found


plugin: Final[Kind] = kind('a Plugin instance, "module:Class" or "module:instance"', _plugin)
