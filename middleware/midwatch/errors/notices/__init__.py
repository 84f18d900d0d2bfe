"""What people are told of errors, and when: the policy that keeps a flood from them, and the words."""

from .alarm import Alarm
from .notice import Kind, Notice
from .policy import Policy
from .verdicts import Summary, Told
from .words import Words

__all__ = ["Alarm", "Kind", "Notice", "Policy", "Summary", "Told", "Words"]
