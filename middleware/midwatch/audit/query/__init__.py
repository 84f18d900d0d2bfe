"""
Questions to an audit trail, from Python.

    from midwatch.audit.query import Filter, open_trail

    with open_trail("sqlite:////var/lib/orders/audit.db") as trail:
        for event in trail.events(Filter(actor="u-17")):
            ...
        print(trail.stats().total, trail.findings())
"""

from ..stores.store import Filter, Page
from .finding import Finding, Thresholds
from .stats import Bucket, Stats, Tally
from .trail import Trail, open_trail

__all__ = ["Bucket", "Filter", "Finding", "Page", "Stats", "Tally", "Thresholds", "Trail", "open_trail"]
