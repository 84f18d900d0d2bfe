"""How long notices wait for a way to people."""

from __future__ import annotations

from typing import Final

__all__ = ["AGAIN", "GIVE_UP", "WAITING"]

WAITING: Final = 100
"""Notices in front of one sender: as many as anybody would read."""

GIVE_UP: Final = 600.0
"""Seconds in which a notice is tried again: a mail server may ask strangers to come again in a few minutes."""

AGAIN: Final = 30.0
"""Seconds before somebody is tried again who said no for now."""
