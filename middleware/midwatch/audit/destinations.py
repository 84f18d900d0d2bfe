"""How a chained event leaves: as a record of standard logging, or as a line of text."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..destinations import lines_to
from ..logs.record import ReadyRecord
from .canonical import plain_text

if TYPE_CHECKING:
    from ..service import Service
    from .event import Body

__all__ = ["LOGGER", "Put", "destination", "sentence"]

LOGGER: Final = "midwatch.audit"

Put: TypeAlias = Callable[["Body", bytes, str, int], None]
"""Takes a body, its canonical bytes, its chain value in hexadecimal and its time in nanoseconds since the epoch."""

logger = logging.getLogger("midwatch")


def destination(to: str | Callable[[str], object], service: Service) -> Put:
    """
    What *to* means.

    Raises:
        TypeError: neither text nor callable.
        ValueError: a URL that is not known, or a file that cannot be opened.
    """
    if callable(to):
        return _text(to)
    if not isinstance(to, str):
        raise TypeError(f"to: {to!r} is neither 'log', a URL nor a callable that takes a line")
    return _log(service) if to == "log" else _text(lines_to(to))


def _text(put_line: Callable[[str], object]) -> Put:
    def put(_body: Body, data: bytes, chain: str, _time: int) -> None:
        put_line(f'{{"body":{data.decode()},"chain":"{chain}"}}')

    return put


def _log(service: Service) -> Put:
    audit = logging.getLogger(LOGGER)
    fields = {plain_text(key): _carried(value) for key, value in service.fields().items()}

    def put(body: Body, _data: bytes, chain: str, time: int) -> None:
        if body["seq"] == 0 and (audit.disabled or not audit.hasHandlers()):
            logger.warning("AuditTrail(to='log'): the logger %r is disabled or has no handler; events are lost", LOGGER)
        line: dict[str, Any] = {
            "timestamp": body["time"],
            "level": "INFO",
            "logger": LOGGER,
            "message": sentence(body),
            **fields,
        }
        for key in ("trace_id", "span_id", "request_id"):
            if key in body:
                line[key] = body[key]
        line["audit"] = body
        line["audit.chain"] = chain
        # The level of the logger is about verbosity, which is not what an audit trail is for: handlers decide.
        audit.handle(ReadyRecord(LOGGER, logging.INFO, "INFO", time * 1e-9, line))

    return put


def _carried(value: str) -> str:
    """*value* as UTF-8 can carry it; the environment may hold any bytes."""
    return value.encode("utf-8", "replace").decode()


def sentence(body: Body) -> str:
    """*body* for a person: "orders.refund order:17 by user u1: success"; always one line."""
    actor = body["actor"]
    text = f"{body['action']}{_things(body)} by {actor['type']}{' ' if 'id' in actor else ''}{actor.get('id', '')}"
    text = f"{text}: {body['outcome']}"
    return text if text.isprintable() else " ".join(text.split())


def _things(body: Body) -> str:
    things = body.get("resource")
    if not things:
        return ""
    first = ":".join(things[0][key] for key in ("type", "id") if key in things[0])
    return f" {first}" if len(things) == 1 else f" {first} and {len(things) - 1} more"
