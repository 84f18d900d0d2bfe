"""Who hears of an exception: the log, trackers, and people."""

from .destination import Destination
from .log import LogLine
from .places import Telling, check_destination, destinations_of

__all__ = ["Destination", "LogLine", "Telling", "check_destination", "destinations_of"]
