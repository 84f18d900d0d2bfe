"""The settings that a command is about, read and checked."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, Final

from ..settings import Problem, SettingsError, load
from ..settings.schema import Settings
from ..settings.section import fields_of
from ..settings.shown import shown
from ..settings.target import HELP, read_target

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["TARGET", "given"]

TARGET: Final = "a dict, or a Flask application that has one; nothing for the defaults"
"""What every command says of it in its help."""


def given(target: str | None, command: str) -> tuple[Any, Settings]:
    """
    What *target* names, as it stands and as it is in force; without one, the defaults.

    It names a dict in a module, a Flask application that holds one in its `config`, or a JSON file.

    Args:
        target: `MODULE:NAME` or `FILE.json`.
        command: Whose help is pointed to, such as `midwatch rules`.

    Raises:
        SettingsError: it cannot be read, or is wrong.
    """
    with redirect_stdout(sys.stderr):  # What imported modules print is no answer.
        if target is None:
            return None, load(None, "settings")
        try:
            found = read_target(target)
        except SettingsError as error:
            raise _of_the_start(error) or _with_help(error, f"{command} --help") from None
        config = getattr(found, "config", None)
        if isinstance(config, dict) and "MIDWATCH" in config:
            found, target = config["MIDWATCH"], f'{target}.config["MIDWATCH"]'
        elif callable(found) and not isinstance(found, Mapping):
            hint = _beside(target) or _instead(config)
            reason = f"expected a dict of settings, got {shown(found)}"
            raise SettingsError([Problem("settings", reason, hint, help=f"{command} --help")], target)
        return found, load(found, target)


def _beside(target: str) -> str:
    """The settings in the module of an application, if it has one dict that can be some."""
    module = target.partition(":")[0]
    known = fields_of(Settings).keys()
    named = [name for name, value in vars(sys.modules[module]).items() if _is_settings(value, known)]
    return f'did you mean "{module}:{named[0]}"?' if len(named) == 1 else ""


def _is_settings(value: object, known: Collection[str]) -> bool:
    return isinstance(value, dict) and bool(value) and all(isinstance(key, str) and key in known for key in value)


def _instead(config: object) -> str:
    hint = 'name the dict that it was given, such as "orders.config:MIDWATCH"'
    return f'{hint}; or put it into config["MIDWATCH"]' if isinstance(config, dict) else hint


def _of_the_start(error: SettingsError) -> SettingsError | None:
    """What `midwatch.install` said when the module of the target was imported, for that tells more."""
    cause = error.__context__
    while cause is not None and not isinstance(cause, SettingsError):
        cause = cause.__context__
    return cause


def _with_help(error: SettingsError, command: str) -> SettingsError:
    problems = [problem._replace(help=command) if problem.help == HELP else problem for problem in error.problems]
    return SettingsError(problems, error.source)
