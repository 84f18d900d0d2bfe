"""
Built-in checks, each named by a URL or a word: what most services lean on, without a driver of its own.

What one says of a failure is a phrase of ours or the class of an exception, so that it may be shown. It never raises,
is not traced, and ends in its own time but for looking a name up.
"""

from .catalogue import builtin, described, known
from .engine import engine_check, is_engine
from .kind import BuiltIn

__all__ = ["BuiltIn", "builtin", "described", "engine_check", "is_engine", "known"]
