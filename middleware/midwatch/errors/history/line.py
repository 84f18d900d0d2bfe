"""
One line of a log: an occurrence of an error, if that is what it tells.

Lines are those of the logger `midwatch.error`, by any of the names that `log.fields` may give them, and with whatever
collectors put before them (Docker Compose, Kubernetes) or around them (Docker's `json-file`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from ...picture import lenient

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Seen", "seen_in"]

FINGERPRINT: Final = "error.fingerprint"
"""What every such line has, by this name."""

MARK: Final = FINGERPRINT.encode()

NAMES: Final = {
    "time": ("timestamp", "@timestamp", "time"),
    "kind": ("exception.type", "error.kind", "error.type"),
    "message": ("exception.message", "error.message"),
    "stack": ("exception.stacktrace", "error.stack_trace", "error.stack", "stack_trace"),
    "method": ("http.request.method", "http.method"),
    "route": ("http.route", "labels.http_route"),
    "service": ("service.name", "service"),
    "trace_id": ("trace_id", "trace.id", "logging.googleapis.com/trace"),
    "request_id": ("request_id", "http.request.id", "http.request_id"),
}
"""What fields are called, by flavour."""

DATADOG: Final = "dd.trace_id"
"""Half of a trace id, decimal: what Datadog finds it by, and nobody else."""

LABELS: Final = "logging.googleapis.com/labels"
CONTEXT: Final = "serviceContext"
"""Where Google Cloud Logging has the request id and the service."""

STACK: Final = 65_536
"""Characters of a stack that is kept."""

_object = msgspec.json.Decoder(dict[str, Any]).decode


class Seen(NamedTuple):
    """
    One occurrence.

    Attributes:
        time: Nanoseconds since the epoch; 0 where unknown.
        kind: Type of the exception.
        culprit: The innermost frame of the application's own, as `function (file:line)`.
        where: `request`, `startup`, `thread` or `handled`.
        times: How often its process had seen it by then.
        drawn: Whether `midwatch trace` reads such lines.
    """

    fingerprint: str
    time: int
    kind: str
    message: str
    stack: str
    culprit: str
    where: str
    service: str
    method: str
    route: str
    trace_id: str
    request_id: str
    times: int
    drawn: bool

    @property
    def title(self) -> str:
        """Type and message."""
        return f"{self.kind}: {self.message}" if self.kind and self.message else self.kind or self.message


def seen_in(document: bytes) -> Seen | None:
    """
    What *document* tells; None if it is about something else.

    Raises:
        ValueError: it should tell of one, and is no JSON.
    """
    if MARK not in document:
        return None
    said = _opened(document)
    fingerprint = lenient.text(said.get(FINGERPRINT))
    if not fingerprint:
        return None
    found = {field: _first(said, names) for field, names in NAMES.items()}
    trace_id = lenient.text(found["trace_id"]).rpartition("/")[2]
    times = said.get("error.count")
    return Seen(
        fingerprint,
        lenient.time(found["time"]),
        lenient.text(found["kind"]),
        lenient.text(found["message"], lenient.LENGTH) or lenient.text(said.get("message"), lenient.LENGTH),
        lenient.text(found["stack"], STACK),
        _culprit(said.get("exception.frames")),
        lenient.text(said.get("error.origin")) or "request",
        lenient.text(found["service"]) or _within(said, CONTEXT, "service"),
        lenient.text(found["method"]),
        lenient.text(found["route"]),
        lenient.trace_id(trace_id) or lenient.text(said.get(DATADOG)),
        lenient.text(found["request_id"]) or _within(said, LABELS, "request_id"),
        times if type(times) is int and 0 < times < 2**53 else 1,
        "trace_id" in said,
    )


def _opened(document: bytes) -> dict[str, Any]:
    start = document.find(b"{")
    said = _read(document[start:] if start > 0 else document)
    inner = said.get("log")
    if FINGERPRINT not in said and isinstance(inner, str) and "{" in inner:
        return _read(inner[inner.index("{") :].encode("utf-8", "replace"))
    return said


def _read(text: bytes) -> dict[str, Any]:
    try:
        return _object(text)
    except (ValueError, RecursionError):
        pass
    try:
        # It takes halves of characters, and numbers that are none.
        said = json.loads(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if not isinstance(said, dict):
        raise ValueError("no object")  # noqa: TRY004 - of the line, not of an argument
    return said


def _first(said: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((said[name] for name in names if name in said), None)


def _within(said: Mapping[str, Any], name: str, field: str) -> str:
    inner = said.get(name)
    return lenient.text(inner.get(field)) if isinstance(inner, dict) else ""


def _culprit(frames: Any) -> str:
    found = [frame for frame in frames if isinstance(frame, dict)] if isinstance(frames, list) else []
    if not found:
        return ""
    frame = next((frame for frame in reversed(found) if frame.get("in_app") is True), found[-1])
    line = frame.get("line")
    place = f"{lenient.text(frame.get('file'))}:{line}" if type(line) is int else lenient.text(frame.get("file"))
    return f"{lenient.text(frame.get('function'))} ({place})"
