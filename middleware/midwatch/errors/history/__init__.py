"""What logs tell of errors, after the fact: occurrences read out of lines, put together to groups, and shown."""

from .groups import Group, Groups
from .line import Seen, seen_in

__all__ = ["Group", "Groups", "Seen", "seen_in"]
