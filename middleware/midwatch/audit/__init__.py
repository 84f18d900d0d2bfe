"""Who did what to which resource, from where, with what outcome: chained, so that a change shows."""

from .api import actor, record
from .api_changes import changes
from .audited import audited
from .job import job
from .said import deny, impersonate, session, suspicious, tenant
from .trail import AuditTrail
from .verify import Problem, Report, Stream, verify

__all__ = [
    "AuditTrail", "Problem", "Report", "Stream", "actor", "audited", "changes", "deny", "impersonate", "job", "record",
    "session", "suspicious", "tenant", "verify",
]  # fmt: skip
