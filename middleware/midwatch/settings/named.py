"""What settings name in Python: `module:attribute`, callables and plugins; importing them is a part of the start."""

from __future__ import annotations

import inspect
from typing import Any, Final

from .. import named
from ..moments import Moments
from ..nearest import nearest
from ..plugin import Plugin
from .kinds import Kind, Refused, kind, plain_function
from .shown import shown

__all__ = ["function", "imported", "no_arguments", "plugin", "trust"]


def imported(text: str) -> Any:
    """
    What `module:attribute` names.

    Raises:
        Refused: there is no such thing, or its module does not import; the reason names it.
    """
    try:
        return named.imported(text)
    except named.UnnamedError as error:
        raise Refused(error.hint, error.reason) from None


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
            raise Refused("give an instance", f"{value}() raised {named.raised(error)}") from None
    if not isinstance(found, Plugin):
        raise Refused("", f"{value} is not a midwatch.Plugin: it is {shown(found)}" if isinstance(value, str) else "")
    try:
        Moments((found,))
    except TypeError as error:
        raise Refused("", str(error)) from None
    return found


plugin: Final[Kind] = kind('a Plugin instance, "module:Class" or "module:instance"', _plugin)
