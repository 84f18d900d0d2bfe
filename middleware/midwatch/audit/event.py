"""
The body of an event: who did what to which resource, when, from where, with what outcome.

| key | holds |
| --- | --- |
| `v` `id` `time` | version of this table, UUIDv7 (RFC 9562 section 5.7), RFC 3339 in UTC with microseconds |
| `kind` | `request`: seen at the door; `action`, `auth`: recorded by the application; `system`: the trail itself |
| `stage` | `intent`: before a strict request is handled; `outcome`: after that, and of a correction |
| `amends` | id of the outcome that this one corrects: the connection ended otherwise than its beginning let expect |
| `duration_ms` | milliseconds until the event |
| `actor` | `{id, type, name?, verified, session_hash?, impersonator?}`; `anonymous` where nobody has said |
| `action` | as recorded, else `METHOD route`, with `unmatched` where there is no route; `WEBSOCKET route` |
| `resource` | list of `{type, id, name?}` |
| `outcome` | `success`, `denied`, `failure`, `error`, `aborted` or `unknown` |
| `reason` | `{text?, code?, policy?, permission?, granted?}`; the code of a websocket is `open` or `close` |
| `changes` | list of `{field, old, new}` |
| `http` | `{method, route, status, bytes_in, bytes_out, close_code}`; `bytes_out` once it is known |
| `source` | `{ip, port, peer_ip, ip_trust, forwarded, ua}` (see `midwatch.source`) |
| `tenant` | whose data it was |
| `trace_id` `span_id` `request_id` | what joins the event to the other signals |
| `service` | `{name, version, env, host}` |
| `stream` `seq` | which chain, and the place in it (`midwatch.audit.chain`) |
| `truncated` | fields that were cut |
| `records_dropped` | records of this request beyond the most that one may have |
| `detail_digest` | in a store: of what can be erased (`midwatch.audit.detail`) |

In version 1, `reason` was text. What is unknown is left out. Nothing here comes from a token, a cookie or a body.
"""

from __future__ import annotations

from functools import lru_cache
from time import gmtime, strftime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..answers import Outcome
from .canonical import Copy, canonical
from .parts import actor_part, http_part, service_part, source_part

if TYPE_CHECKING:
    from ..exchange import Exchange
    from .entry import Entry, Kind
    from .pending import About
    from .seen import Seen

__all__ = [
    "DENIED", "MAX_BODY", "REFUSED", "SAFE", "Body", "encode", "event", "outcome_in", "outcome_of", "outcome_of_status",
    "service_part", "utc", "uuid7",
]  # fmt: skip

Body: TypeAlias = dict[str, Any]

VERSION: Final = 2

MAX_BODY: Final = 16_384
"""Bytes of a canonical body."""

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "QUERY"})
"""Methods that change nothing (RFC 9110 section 9.2.1, and QUERY)."""

REFUSED: Final = frozenset({401, 403})
"""Statuses that make an event of any request."""

DENIED: Final = frozenset({401, 403, 407, 451})


def outcome_of_status(status: int | None) -> str:
    """What a status says, as an auditor asks it."""
    if status is None:
        return "unknown"
    return "success" if status < 400 else "denied" if status in DENIED else "failure" if status < 500 else "error"


def outcome_of(exchange: Exchange | Seen) -> str:
    """
    What became of the request: by its status until it is over.

    A refusal stays one when the client hangs up on it: probing must not look like a lost connection.
    """
    status, outcome = exchange.status, exchange.outcome
    if outcome is Outcome.ERROR:
        return "error"
    if outcome is Outcome.OK or outcome is None or (status is not None and status >= 400):
        return outcome_of_status(status)
    return "aborted" if outcome is Outcome.ABORTED else "unknown"


def event(
    kind: Kind,
    time: int,
    random: int,
    service: Body,
    *,
    seen: Seen | None = None,
    entry: Entry | None = None,
    about: About | None = None,
    level: str = "detail",
) -> Body:
    """
    The body of one event, but for its place in a chain.

    Args:
        kind: What made it an event.
        time: Nanoseconds since the epoch.
        random: 74 bits for the id.
        service: From `service_part`.
        seen: The request that it belongs to.
        entry: What the application recorded.
        about: What it said of the whole request.
        level: `minimal`, `metadata` or `detail` (see `midwatch.audit.rules`).
    """
    copy = Copy()
    body: Body = {
        "action": _action(copy, seen) if entry is None else entry.action,
        "actor": actor_part(copy, seen, about, named=level == "detail"),
        "id": uuid7(time, random),
        "kind": kind,
        "outcome": outcome_in(seen, entry, about),
        "seq": 0,
        "service": service,
        "stream": "",
        "time": utc(time),
        "v": VERSION,
    }
    if entry is not None:
        copy.truncated[:0] = entry.truncated
        _recorded(body, entry, level)
    if about is not None:
        if about.tenant is not None:
            body["tenant"] = about.tenant
        if about.reason is not None and "reason" not in body:
            body["reason"] = about.reason
    if seen is not None:
        _requested(copy, body, seen, level)
    if copy.truncated:
        body["truncated"] = copy.truncated
    return body


def _recorded(body: Body, entry: Entry, level: str) -> None:
    if entry.reason:
        body["reason"] = entry.reason
    if entry.resource:
        body["resource"] = entry.resource
    if entry.changes and level == "detail":
        body["changes"] = entry.changes


def _requested(copy: Copy, body: Body, seen: Seen, level: str) -> None:
    body["http"] = http_part(copy, seen)
    for name in ("request_id", "span_id", "trace_id"):
        value = getattr(seen, name)
        if value is not None:
            body[name] = copy.text(name, value, 128)
    if level != "minimal":
        body["source"] = source_part(copy, seen, agent=level == "detail")


def outcome_in(seen: Exchange | Seen | None, entry: Entry | None, about: About | None) -> str:
    """The outcome of an event: as recorded, else as the application said of the whole request, else by its status."""
    if entry is not None and entry.outcome is not None:
        return entry.outcome
    if about is not None and about.denied:
        return "denied"
    return "unknown" if seen is None else outcome_of(seen)


def _action(copy: Copy, seen: Seen | None) -> str:
    if seen is None:
        return "unknown"
    verb = "WEBSOCKET" if seen.kind == "websocket" else seen.method[:64]
    return copy.text("action", f"{verb} {seen.route or 'unmatched'}")


def utc(time: int) -> str:
    """*time*, nanoseconds since the epoch, as RFC 3339 in UTC with microseconds."""
    second, rest = divmod(time, 1_000_000_000)
    return f"{_second(second)}{rest // 1000:06d}Z"


@lru_cache(maxsize=8)
def _second(second: int) -> str:
    return strftime("%Y-%m-%dT%H:%M:%S.", gmtime(second))


def uuid7(time: int, random: int) -> str:
    """A UUIDv7 of *time*, nanoseconds since the epoch, and 74 bits of *random* (RFC 9562 section 5.7)."""
    stamp = (time // 1_000_000 & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76
    chance = (random >> 62 & 0xFFF) << 64 | 0x2 << 62 | random & 0x3FFF_FFFF_FFFF_FFFF
    text = (stamp | chance).to_bytes(16, "big").hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def encode(body: Body) -> bytes:
    """The canonical bytes of *body*, of which it loses the longest lists until they are at most `MAX_BODY`."""
    data = canonical(body)
    while len(data) > MAX_BODY and (body.get("changes") or body.get("resource")):
        field = max(("changes", "resource"), key=lambda name: len(canonical(body.get(name))))
        body[field] = body[field][: len(body[field]) // 2]
        body["truncated"] = sorted({*body.get("truncated", ()), field})
        data = canonical(body)
    return data
