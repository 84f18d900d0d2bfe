"""`midwatch audit`: whether the trail holds, what is in it, and its upkeep; one file for each command."""

from .command import add_to

__all__ = ["add_to"]
