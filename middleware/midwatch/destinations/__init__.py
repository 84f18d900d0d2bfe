"""
Places that log lines are sent to, each named by a URL. All writing is done by delivery workers, never by a request.

`stdout`, `stderr` and `file:///path` take whole lines (`lines`); what is behind a socket takes entries, which carry
beside their text what a protocol wants to know of them (`entry`, `network`).
"""

from .entry import Entry, Shipped
from .lines import Line, lines_to
from .network import SpillTo, check_network, entries_to, is_network

__all__ = ["Entry", "Line", "Shipped", "SpillTo", "check_network", "entries_to", "is_network", "lines_to"]
