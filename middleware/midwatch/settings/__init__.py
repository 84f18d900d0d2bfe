"""
The settings: one dict, checked as a whole when the service starts, then typed.

An unknown key, a wrong type or an impossible value stops the start with a `SettingsError` that tells all of them. The
schema is in `midwatch.settings.schema`; `docs/settings.md` is made from it.
"""

from .loading import load
from .problem import Problem, SettingsError
from .schema import Settings

__all__ = ["Problem", "Settings", "SettingsError", "load"]
