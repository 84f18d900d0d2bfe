"""Who hears of an exception: the log, trackers, and people."""

from .destination import Destination
from .log import LogLine

__all__ = ["Destination", "LogLine"]
