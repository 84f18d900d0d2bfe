"""Who did what to which resource, from where, with what outcome: chained, so that a change shows."""

from .api import actor, record
from .report import Problem, Report, Stream
from .trail import AuditTrail
from .verify import verify

__all__ = ["AuditTrail", "Problem", "Report", "Stream", "actor", "record", "verify"]
