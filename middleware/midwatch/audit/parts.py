"""The parts of an event that are told of the request it belongs to: actor, `http`, `source`; and the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .canonical import Copy

if TYPE_CHECKING:
    from ..service import Service
    from .pending import About
    from .seen import Seen

__all__ = ["IDENTITY", "actor_part", "http_part", "service_part", "source_part"]

IDENTITY: Final = 256
"""Bytes of the smaller strings: names, addresses and the user agent."""

Part = dict[str, Any]


def actor_part(copy: Copy, seen: Seen | None, about: About | None, *, named: bool) -> Part:
    """Who acts, as far as anybody has said."""
    actor: Any = None if seen is None else seen.actor
    if actor is None and about is not None:
        actor = about.actor
    if actor is None:
        part: Part = {"type": "anonymous", "verified": False}
    else:
        # A plugin may have put something else there: better an odd actor than no event.
        part = {"id": copy.text("actor", getattr(actor, "id", actor))}
        name: object = getattr(actor, "name", None)
        if name is not None and named:
            part["name"] = copy.text("actor", name)
        part["type"] = copy.text("actor", getattr(actor, "type", "user"), IDENTITY)
        part["verified"] = True
    if about is not None:
        if about.session is not None:
            part["session_hash"] = about.session
        if about.impersonator is not None:
            part["impersonator"] = about.impersonator
    return part


def http_part(copy: Copy, seen: Seen) -> Part:
    """Method, route and status, and how much came and went."""
    part: Part = {"method": copy.text("http", seen.method, 64)}
    if seen.route is not None:
        part["route"] = copy.text("http", seen.route)
    if seen.status is not None:
        part["status"] = seen.status
    if seen.bytes_in:
        part["bytes_in"] = seen.bytes_in
    if seen.outcome is not None and seen.bytes_out:
        part["bytes_out"] = seen.bytes_out
    if type(seen.close_code) is int:
        part["close_code"] = seen.close_code
    return part


def source_part(copy: Copy, seen: Seen, *, agent: bool) -> Part:
    """Where the request came from."""
    source = seen.source
    part: Part = {"ip": copy.text("source", source.ip, IDENTITY), "ip_trust": source.trust}
    if source.port is not None:
        part["port"] = source.port
    if source.peer_ip is not None:
        part["peer_ip"] = copy.text("source", source.peer_ip, IDENTITY)
    if source.forwarded is not None:
        part["forwarded"] = copy.text("source", source.forwarded)
    if agent and seen.agent:
        part["ua"] = copy.text("ua", seen.agent, IDENTITY)
    return part


def service_part(service: Service, host: str) -> Part:
    """`service` of every event of a process."""
    copy = Copy()
    told = {"env": service.environment, "host": host, "name": service.name, "version": service.version}
    return {key: copy.text("service", value, IDENTITY) for key, value in told.items() if value is not None}
