"""
What is recorded, what is in it, where it goes and for how long: the inventory that OWASP ASVS 5.0 asks for (16.1.1).

It is made from the settings in force, so it does not grow old.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..settings.shown import masked, plain

if TYPE_CHECKING:
    from ..settings.audit import AuditSettings, RuleSettings
    from ..settings.schema import Settings

__all__ = ["EVENTS", "FIELDS", "inventory"]

EVENTS: Final[dict[str, str]] = {
    "request": "requests that may change something, were refused (401, 403), or that a rule names",
    "action": "what the application records: audit.record, @audited, audit.changes",
    "auth": "logins, logouts and refusals that the application records",
    "audit.deny": "a decision of the application against a request (outcome denied, with its policy)",
    "audit.suspicious": "attempts to get around a control, as the application reports them",
    "stream.open, stream.close": "a process begins and ends its chain",
    "audit.gap": "events that were lost: how many, of which class, when and why",
    "audit.recovered": "events of a dead process that were found on disk",
    "audit.clock_step": "the clock of the machine was set",
    "audit.checkpoint": "a signed statement about all chains (a line of the logger, or wherever anchors are)",
    "audit.read": "somebody looked at the trail: who, with which command, for what",
    "audit.pruned, audit.erased": "old events, or personal detail, were removed: by whom and why",
}
"""What makes an event."""

FIELDS: Final[dict[str, str]] = {
    "v, id, time": "version of the schema; UUIDv7; UTC with microseconds (ASVS 16.2.2)",
    "kind, action": "what was done: `METHOD route`, `WEBSOCKET route`, or what the application or a job calls it",
    "stage, amends": "of a request, whether before or after it was handled; which outcome a later one corrects",
    "duration_ms": "how long it took until then",
    "actor": "who: id, type, name, whether verified, the session as a keyed hash (ASVS 16.2.5), who acts for them",
    "resource": "to what: type, id and name",
    "outcome, reason": "success, denied, failure, error, aborted or unknown; text, code, policy, permission, granted",
    "changes": "changed fields with old and new values (level detail)",
    "http": "method, route, status, sizes and close code; no query, no header, no body",
    "source": "address of the client, how far it is trusted, the other end of the socket, user agent (level detail)",
    "tenant": "on whose behalf",
    "service": "name, version, environment and host of the service",
    "trace_id, span_id, request_id": "what joins it to traces and logs",
    "stream, seq": "which chain, and the place in it",
    "truncated, records_dropped": "what was cut, and how many records of one request were too many",
    "detail_digest": "in a store: of what can be erased, which is changes, user agent, and names",
}
"""What is in one."""

DEFAULT_RULE: Final = "what no rule names: audited if it may change something or was refused (401, 403)"


def inventory(settings: Settings) -> dict[str, Any]:
    """The inventory of *settings*, as JSON has it; credentials are masked."""
    audit = settings.audit
    if audit is None:
        return {"service": settings.service.name, "audited": False}
    return {
        "service": settings.service.name,
        "audited": True,
        "events": EVENTS,
        "rules": [*map(_rule, audit.rules), DEFAULT_RULE],
        "fields": FIELDS,
        "destinations": _destinations(audit),
        "integrity": _integrity(audit),
        "retention": _retention(audit),
        "access": _access(audit),
    }


def _rule(rule: RuleSettings) -> str:
    told = [", ".join(rule.match) or "every request"]
    if rule.status:
        told.append("status " + ", ".join(_range(*one) for one in rule.status))
    if rule.actor:
        told.append("actor " + ", ".join(rule.actor))
    what = "no event" if rule.skip else f"level {rule.level}, mode {rule.mode or 'by default'}"
    return f"{'; '.join(told)}: {what}"


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _destinations(audit: AuditSettings) -> dict[str, Any]:
    if audit.store is None:
        return {"lines": _place(audit.to), "store": None}
    spill = "in memory only" if audit.spill is None else f"{audit.spill}, at most {audit.spill_bytes} bytes"
    return {
        "store": _place(audit.store),
        "waiting": f"at most {audit.queue} events and {audit.queue_bytes} bytes",
        "late": f"after {audit.deadline:g} s: {spill}",
    }


def _place(value: object) -> str:
    return masked(value) if isinstance(value, str) else str(plain(value))


def _integrity(audit: AuditSettings) -> dict[str, Any]:
    chain = {"chain": "SHA-256, one chain for each process"}
    if audit.store is None:
        return chain | {"checkpoints": "none: a chain that is cut off at its end looks whole"}
    return chain | {
        "checkpoints": f"every {audit.checkpoint_every:g} s, or {audit.checkpoint_events} events",
        "signed": "no" if audit.key is None else f"with the key in {audit.key}",
        "published": [_place(anchor) for anchor in audit.anchors],
    }


def _retention(audit: AuditSettings) -> str:
    if audit.store is None:
        return "that of the lines: nothing here removes them"
    if audit.store.startswith("file:"):
        return "for ever: nothing is removed from a file"
    if audit.retention is None:
        return "for ever: nothing is removed"
    return f"{audit.retention} days, when `midwatch audit prune` is run; detail also earlier, by `midwatch audit erase`"


def _access(audit: AuditSettings) -> str:
    if audit.store is None:
        return "whoever may read the lines"
    if audit.store.startswith(("file:", "sqlite:")):
        return "the user of the service (mode 0600); reading by `midwatch audit` is recorded as audit.read"
    return "by roles of the database; reading by `midwatch audit` is recorded as audit.read"
