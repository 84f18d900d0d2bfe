"""
The body of an event: who did what to which resource, when, from where, with what outcome.

| key | holds |
| --- | --- |
| `v` `id` `time` | version of this table, UUIDv7 (RFC 9562 section 5.7), RFC 3339 in UTC with microseconds |
| `kind` | `request`: seen at the door; `action`: recorded by the application; `system`: the trail itself |
| `actor` | `{id, type, name?, verified}`; of an unknown one `{"type": "anonymous", "verified": false}` |
| `action` | as recorded, else `METHOD route`, with `unmatched` where there is no route |
| `resource` | list of `{type, id, name?}` |
| `outcome` `reason` | `success`, `denied`, `failure`, `error`, `aborted` or `unknown`; why, in words |
| `changes` | list of `{field, old, new}` |
| `http` | `{method, route, status}` |
| `source` | `{ip, peer_ip, ua}`: the client, the socket's other end, the user agent |
| `trace_id` `span_id` `request_id` | what joins the event to the other signals |
| `service` | `{name, version, env, host}` |
| `stream` `seq` | which chain, and the place in it (`midwatch.audit.chain`) |
| `truncated` | fields that were cut |
| `records_dropped` | records of this request beyond the most that one may have |
| `pid` `previous` `final_seq` | of `stream.open` and `stream.close` |

What is unknown is left out. Nothing here comes from a token, a cookie or a body.
"""

from __future__ import annotations

from functools import lru_cache
from time import gmtime, strftime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..answers import Outcome
from .canonical import Copy, canonical

if TYPE_CHECKING:
    from ..exchange import Actor, Exchange
    from ..service import Service
    from .entry import Entry, Kind

__all__ = ["REFUSED", "SAFE", "Body", "encode", "event", "outcome_of", "service_part", "utc", "uuid7"]

Body: TypeAlias = dict[str, Any]

VERSION: Final = 1

MAX_BODY: Final = 16_384
"""Bytes of a canonical body."""

IDENTITY: Final = 256
"""Bytes of the smaller strings: names, addresses and the user agent."""

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "QUERY"})
"""Methods that change nothing (RFC 9110 section 9.2.1, and QUERY)."""

REFUSED: Final = frozenset({401, 403})
"""Statuses that make an event of any request."""

DENIED: Final = frozenset({401, 403, 407, 451})


def outcome_of(exchange: Exchange) -> str:
    """
    What became of the request, as an auditor asks it.

    A refusal stays one when the client hangs up on it: probing must not look like a lost connection.
    """
    status, outcome = exchange.status, exchange.outcome
    if outcome is None:
        return "unknown"
    if outcome is Outcome.ERROR:
        return "error"
    if status is not None and status >= 400:
        return "denied" if status in DENIED else "failure" if status < 500 else "error"
    if outcome is Outcome.ABORTED:
        return "aborted"
    return "success" if outcome is Outcome.OK and status is not None else "unknown"


def event(
    kind: Kind, time: int, random: int, service: Body, *, exchange: Exchange | None = None, entry: Entry | None = None
) -> Body:
    """
    The body of one event, but for its place in a chain.

    Args:
        kind: What made it an event.
        time: Nanoseconds since the epoch.
        random: 74 bits for the id.
        service: From `service_part`.
        exchange: The request that it belongs to.
        entry: What the application recorded.
    """
    copy = Copy()
    if entry is not None and entry.truncated:
        copy.truncated.extend(entry.truncated)
    body: Body = {"action": _action(copy, exchange) if entry is None else entry.action}
    body["actor"] = _actor(copy, None if exchange is None else exchange.actor)
    if entry is not None and entry.changes:
        body["changes"] = entry.changes
    if exchange is not None:
        body["http"] = _http(copy, exchange)
    body["id"] = uuid7(time, random)
    body["kind"] = kind
    told = None if entry is None else entry.outcome
    body["outcome"] = told or ("unknown" if exchange is None else outcome_of(exchange))
    if entry is not None and entry.reason is not None:
        body["reason"] = entry.reason
    if exchange is not None and exchange.request_id is not None:
        body["request_id"] = copy.text("request_id", exchange.request_id, 128)
    if entry is not None and entry.resource:
        body["resource"] = entry.resource
    body["seq"] = 0
    body["service"] = service
    if exchange is not None:
        body["source"] = _source(copy, exchange)
        if exchange.span_id is not None:
            body["span_id"] = copy.text("span_id", exchange.span_id, 64)
    body["stream"] = ""
    body["time"] = utc(time)
    if exchange is not None and exchange.trace_id is not None:
        body["trace_id"] = copy.text("trace_id", exchange.trace_id, 64)
    if copy.truncated:
        body["truncated"] = copy.truncated
    body["v"] = VERSION
    return body


def _action(copy: Copy, exchange: Exchange | None) -> str:
    return (
        "unknown"
        if exchange is None
        else copy.text("action", f"{exchange.method[:64]} {exchange.route or 'unmatched'}")
    )


def _actor(copy: Copy, actor: Actor | None) -> Body:
    if actor is None:
        return {"type": "anonymous", "verified": False}
    # A plugin may have put something else there: better an odd actor than no event.
    name: object = getattr(actor, "name", None)
    part: Body = {"id": copy.text("actor", getattr(actor, "id", actor))}
    if name is not None:
        part["name"] = copy.text("actor", name)
    part["type"] = copy.text("actor", getattr(actor, "type", "user"), IDENTITY)
    part["verified"] = True
    return part


def _http(copy: Copy, exchange: Exchange) -> Body:
    part: Body = {"method": copy.text("http", exchange.method, 64)}
    route = exchange.route
    if route is not None:
        part["route"] = copy.text("http", route)
    if exchange.status is not None:
        part["status"] = exchange.status
    return part


def _source(copy: Copy, exchange: Exchange) -> Body:
    part: Body = {}
    client, peer, agent = exchange.client, exchange.peer, exchange.header("user-agent")
    if client:
        part["ip"] = copy.text("source", client, IDENTITY)
    if peer is not None and peer[0]:
        part["peer_ip"] = copy.text("source", peer[0], IDENTITY)
    if agent:
        part["ua"] = copy.text("ua", agent, IDENTITY)
    return part


def service_part(service: Service, host: str) -> Body:
    """`service` of every event of a process."""
    copy = Copy()
    told = {"env": service.environment, "host": host, "name": service.name, "version": service.version}
    return {key: copy.text("service", value, IDENTITY) for key, value in told.items() if value is not None}


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
