"""The section `audit`. What is said of a setting is said here, once."""

from collections.abc import Callable
from typing import Annotated, Any

from . import kinds, trail
from .addresses import destination
from .kinds import list_of
from .section import Section, Setting, sections_in_order

__all__ = ["AuditSettings", "RuleSettings"]

Sink = Callable[[Any], object]


class RuleSettings(Section, frozen=True, kw_only=True):
    """What happens with the requests that it matches: all that it names has to fit. The first rule that fits counts."""

    match: Annotated[
        tuple[str, ...],
        Setting(
            list_of(trail.route, 'routes such as "POST /orders/{id}", "/orders/{id}" or "/admin/*"'),
            "Methods and path templates, one of which has to fit. The route that was taken decides, not the spelling"
            " of the URL. Without any, every request.",
            ["POST /payments", "/admin/*"],
        ),
    ] = ()
    status: Annotated[
        tuple[tuple[int, int], ...],
        Setting(
            list_of(trail.status, 'statuses such as 403, "4xx" or "400-451"'),
            "Statuses, one of which has to fit. Such a rule cannot make a request wait before it is handled.",
            ["4xx", 500],
        ),
    ] = ()
    actor: Annotated[
        tuple[str, ...],
        Setting(
            list_of(trail.actor, 'actors such as "service" or "user:admin-*"'),
            "Who acts, by type or `type:id`; `anonymous` is who has not said. Such a rule cannot make a request wait"
            " before it is handled either.",
            ["service:crawler-*"],
        ),
    ] = ()
    mode: Annotated[
        str | None,
        Setting(
            trail.mode,
            "When the response may go: `strict`, once the store has it, and the request is not handled (503) if its"
            " intent cannot be kept; `durable`, once it is on disk here or there; `async`, at once. By default"
            " `durable`, and `async` for requests that change nothing.",
            "strict",
        ),
    ] = None
    level: Annotated[
        str,
        Setting(
            trail.level,
            "How much is kept: `minimal` is who, what and the outcome; `metadata` also where from; `detail` also what"
            " can be erased later: names, changes and the user agent.",
            "metadata",
        ),
    ] = "detail"
    skip: Annotated[bool, Setting(kinds.flag, "Whether such requests have no event.", True)] = False


class AuditSettings(Section, frozen=True, kw_only=True):
    """Who did what to which resource, with what outcome, as a chain of events that shows tampering."""

    to: Annotated[
        str | Sink,
        Setting(
            destination("log", call=True),
            "Where events go as lines, if there is no `store`. `log`: lines of the logger `midwatch.audit`, among all"
            " others; a file keeps them apart and can be verified.",
            "file:///var/log/orders/audit.jsonl",
        ),
    ] = "log"
    store: Annotated[
        str | None,
        Setting(
            trail.store,
            "Where events are kept, and acknowledged before the response goes: SQLite or PostgreSQL (`pip install"
            " 'midwatch[audit]'`), or a file of chained lines. See `docs/audit.md`.",
            "sqlite:////var/lib/orders/audit.db",
        ),
    ] = None
    log: Annotated[
        str | None,
        Setting(
            kinds.text, "Name of this trail in its checkpoints; that of the service unless set.", "orders-production"
        ),
    ] = None
    rules: Annotated[
        tuple[RuleSettings, ...],
        Setting(
            sections_in_order(RuleSettings),
            "Which requests are audited, and how; the first that fits counts. What fits none is audited if it may"
            " change something, or was refused (401, 403).",
            [{"match": ["POST /payments"], "mode": "strict"}, {"match": ["GET /reports/*"], "mode": "async"}],
        ),
    ] = ()
    deadline: Annotated[
        float,
        Setting(kinds.seconds, "Seconds that a response waits for the store; then the event is spilled to disk.", 0.25),
    ] = 0.25
    spill: Annotated[
        str | None,
        Setting(
            kinds.folder,
            "Directory for events that the store does not take in time. They follow later, in their order. Without"
            " one they wait in memory.",
            "/var/spool/orders/audit",
        ),
    ] = None
    spill_bytes: Annotated[int, Setting(kinds.count, "Most bytes of it, for all processes together.", 1 << 30)] = (
        256 << 20
    )
    queue: Annotated[int, Setting(kinds.count, "Most events that wait in memory.", 50_000)] = 20_000
    queue_bytes: Annotated[int, Setting(kinds.count, "Most bytes that wait in memory.", 64 << 20)] = 32 << 20
    key: Annotated[
        str | None,
        Setting(
            trail.key,
            "What signs checkpoints: a file made by `midwatch audit keygen`, or a variable with its text. An Ed25519"
            " key, of which auditors get the public half, or a shared key for HMAC-SHA256.",
            "/etc/orders/audit.key",
        ),
    ] = None
    secret: Annotated[
        str | None,
        Setting(
            trail.key,
            "What session ids are hashed with, so that they are the same in all processes: a file or a variable, at"
            " least 16 bytes. Without one, each process has its own.",
            "env:AUDIT_SECRET",
        ),
    ] = None
    checkpoint_every: Annotated[
        float, Setting(kinds.seconds, "Seconds after which there is a new checkpoint, also without events.", 30)
    ] = 60.0
    checkpoint_events: Annotated[int, Setting(kinds.count, "Events after which there is one earlier.", 5_000)] = 10_000
    anchors: Annotated[
        tuple[str, ...],
        Setting(
            list_of(trail.anchor, '"log", files, URLs or other databases'),
            "Where checkpoints are published, out of reach of who can write to the store: `log` is a line of the"
            " logger `midwatch.audit`; a file, a URL that takes a POST, or another database.",
            ["log", "https://notary.internal/checkpoints"],
        ),
    ] = ("log",)
    retention: Annotated[
        int | None,
        Setting(kinds.count, "Days that `midwatch audit prune` leaves; it is run by whoever may delete.", 400),
    ] = None
