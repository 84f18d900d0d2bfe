"""
An occurrence as trackers have it: one JSON object, well below the megabyte that they take.

https://develop.sentry.dev/sdk/data-model/event-payloads/
"""

from __future__ import annotations

import platform
import re
import socket
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final
from uuid import uuid4

import msgspec

from ....logs.safe import encode_line
from ....logs.timestamp import rfc3339
from ....posting import VERSION
from ...text import one_line
from ..log import LOGGER
from .exceptions import exception_values
from .request import request_fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from ....service import Service
    from ...occurrence import Occurrence

__all__ = ["Events", "Ready", "tags_of", "transaction_of"]

MOST: Final = 900 << 10
"""Bytes of an event; trackers take 1 MiB."""

TAG: Final = 199
"""Characters of a tag's value; trackers take 200."""

_encode = msgspec.json.Encoder().encode

# What trackers refuse in the names of a release and of an environment.
_unnamed: Final = re.compile(r"[\s/\\]+")


class Ready(NamedTuple):
    """An event to be sent: its id, and its JSON; both empty where there is only something to report."""

    id: str = ""
    body: bytes = b""


@final
class Events:
    """
    Makes events.

    Args:
        service: Whose they are.
        server_name: What this machine is called; by default its host name.
        ids: Makes ids of events: 32 hexadecimal digits.
    """

    def __init__(
        self, service: Service, server_name: str | None = None, ids: Callable[[], str] = lambda: uuid4().hex
    ) -> None:
        self._ids = ids
        self._fixed: dict[str, Any] = {
            "platform": "python",
            "level": "error",
            "logger": LOGGER,
            "server_name": server_name or dict(service.attributes).get("host.name") or socket.gethostname(),
            "sdk": {"name": "midwatch", "version": VERSION},
        }
        if service.version:
            # Releases of all services are in one list: theirs are called package@version.
            self._fixed["release"] = _unnamed.sub("-", f"{service.name}@{service.version}")[:200]
        if service.environment:
            self._fixed["environment"] = _unnamed.sub("-", service.environment)[:64]
        self._runtime = {"name": platform.python_implementation(), "version": platform.python_version()}

    def event(self, occurrence: Occurrence) -> Ready:
        """What is sent of *occurrence*."""
        event_id = self._ids()
        contexts: dict[str, Any] = {"runtime": self._runtime}
        event: dict[str, Any] = {
            "event_id": event_id,
            "timestamp": rfc3339(occurrence.time),
            **self._fixed,
            "exception": {"values": exception_values(occurrence)},
            "tags": tags_of(occurrence),
            "contexts": contexts,
            "fingerprint": [occurrence.fingerprint],
            "extra": {"error.count": occurrence.count, "error.first": rfc3339(occurrence.sighting.first)},
        }
        if occurrence.exchange is not None:
            event["request"] = request_fields(occurrence.exchange, occurrence.redactor)
            transaction = transaction_of(occurrence)
            if transaction is not None:
                event["transaction"], event["transaction_info"] = transaction, {"source": "route"}
            ids = occurrence.request
            if "trace_id" in ids and "span_id" in ids:
                contexts["trace"] = {"trace_id": ids["trace_id"], "span_id": ids["span_id"]}
        return Ready(event_id, _bounded(event))


def transaction_of(occurrence: Occurrence) -> str | None:
    """What was being done: method and route; None where nothing routes, since paths are without end."""
    request = occurrence.request
    route = request.get("http.route")
    return None if route is None else _tag(f"{request['http.request.method']} {route}", occurrence)


def tags_of(occurrence: Occurrence) -> dict[str, str]:
    """What occurrences are searched by."""
    request = occurrence.request
    known = {
        "request_id": request.get("request_id"),
        "route": request.get("http.route"),
        "origin": None if occurrence.where == "request" else occurrence.where,
    }
    return {name: _tag(value, occurrence) for name, value in known.items() if value}


def _tag(value: str, occurrence: Occurrence) -> str:
    return one_line(occurrence.redactor.text(value, TAG), TAG)[:TAG]


def _bounded(event: dict[str, Any]) -> bytes:
    """*event* as JSON; with fewer frames, then with none, where it would be too long."""
    for most in (10, 0):
        body = _json(event)
        if len(body) <= MOST:
            return body
        for value in event["exception"]["values"]:
            if "stacktrace" in value:
                frames = [
                    {key: told for key, told in frame.items() if key not in {"pre_context", "post_context"}}
                    for frame in value["stacktrace"]["frames"][-most:]
                ]
                value["stacktrace"] = {"frames": frames}
            if not most:
                value.pop("stacktrace", None)
    return _json(event)


def _json(event: dict[str, Any]) -> bytes:
    try:
        return _encode(event)
    except Exception:
        return encode_line(event).encode()
