"""
The fields of a request line, by their OpenTelemetry names and in their order.

A line is noted on the request path and finished later, by the worker that writes it: what is only text made of other
fields (`timestamp`, `message`, the host without its port) is made then.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, final

import msgspec
from msgspec import UNSET, UnsetType, field

from ..destinations.entry import Entry
from ..headers import without_port
from ..redaction import DEFAULT
from .flavours import translated
from .safe import encode_line, plain_fields
from .timestamp import rfc3339

if TYPE_CHECKING:
    from .flavours import Flavour

__all__ = ["RequestLine", "WideLine"]

WEIGHT: Final = 1024
"""Bytes of a line that is not text yet, as a rule."""

SHORT: Final = 16
"""Characters of a path in which no secret can be told from a word."""

MAX_TEXT: Final = 1024
"""Characters that a stranger may put into one field."""


class RequestLine(msgspec.Struct, omit_defaults=True, gc=False):
    """One exchange. What is unknown is None, and left out of the line."""

    weight: ClassVar[int] = WEIGHT
    """Bytes that it counts for while it waits: what strangers write into it is cut before."""

    timestamp: float | datetime | str
    level: str
    logger: str
    message: str | UnsetType
    service_name: str = field(name="service.name")
    service_version: str | None = field(name="service.version", default=None)
    environment: str | None = field(name="deployment.environment.name", default=None)
    trace_id: str | None = None
    span_id: str | None = None
    trace_flags: str | None = None
    request_id: str | None = None
    method: str = field(name="http.request.method", default="")
    scheme: str = field(name="url.scheme", default="")
    path: str = field(name="url.path", default="")
    route: str | None = field(name="http.route", default=None)
    status: int | None = field(name="http.response.status_code", default=None)
    duration: float | None = field(name="http.server.request.duration", default=None)
    time_to_first_byte: float | None = None
    bytes_in: int | None = field(name="http.request.body.size", default=None)
    bytes_out: int | None = field(name="http.response.body.size", default=None)
    client: str | None = field(name="client.address", default=None)
    server: str | None = field(name="server.address", default=None)
    user_agent: str | None = field(name="user_agent.original", default=None)
    outcome: str = ""
    error_type: str | None = field(name="error.type", default=None)

    def finish(self) -> RequestLine:
        """
        Make what is made of other fields; the line itself.

        The worker and a handler of the application may do so at the same time: each step changes nothing when it is
        taken twice, and the message, which says that all is done, comes last.
        """
        if self.message is UNSET:
            self.path, self.method = self.path[:MAX_TEXT], self.method[:MAX_TEXT]
            if len(self.path) > SHORT:
                self.path = DEFAULT.value("url.path", self.path, MAX_TEXT)
            self.duration = round(self.duration, 6) if self.duration is not None else None
            self.time_to_first_byte = None if self.time_to_first_byte is None else round(self.time_to_first_byte, 6)
            ended = self.timestamp
            if isinstance(ended, float):
                timestamp = datetime.fromtimestamp(ended, UTC)
                # A whole second would be encoded without its microseconds.
                self.timestamp = timestamp if timestamp.microsecond else rfc3339(ended)
            self.server = without_port(self.server[:MAX_TEXT]) if self.server else None
            self.trace_flags = self.trace_flags if self.trace_id else None
            self.user_agent = self.user_agent[:MAX_TEXT] if self.user_agent else None
            self.message = f"{self.method} {self.path} {self.status or '-'}"
        return self

    @property
    def created(self) -> float:
        """Seconds since the epoch."""
        when = self.timestamp
        if isinstance(when, str):
            return datetime.fromisoformat(when).timestamp()
        return when.timestamp() if isinstance(when, datetime) else when

    def fields(self) -> dict[str, Any]:
        """The line as a mapping."""
        return plain_fields(self.finish())

    def text(self) -> str:
        """The line as JSON."""
        return encode_line(self.finish())

    def entry(self) -> Entry:
        """The line as networks have it."""
        text = self.text()
        flags = self.trace_flags
        return Entry(self.created, self.level, self.logger, text, self.trace_id, self.span_id, flags)


NAMES: Final = frozenset(info.encode_name for info in msgspec.structs.fields(RequestLine))
"""What nothing that an application adds can overwrite."""


@final
class WideLine:
    """
    A request line with fields of the application, and what else the settings ask for.

    Args:
        line: The request.
        more: Its further fields, as JSON can say them.
        flavour: Translates the names, None for ours.
    """

    __slots__ = ("_flavour", "_more", "line", "weight")

    def __init__(self, line: RequestLine, more: dict[str, Any] | str, flavour: Flavour | None = None) -> None:
        self.line = line
        added = more if isinstance(more, str) else {name: value for name, value in more.items() if name not in NAMES}
        # As text at once, so that it is known how much waits.
        self._more = added if isinstance(added, str) else encode_line(added)
        self.weight = WEIGHT + len(self._more)
        self._flavour = flavour

    def flavoured(self, flavour: Flavour) -> WideLine:
        """The same line in other words."""
        return WideLine(self.line, self._more, flavour)

    def fields(self) -> dict[str, Any]:
        """The line as a mapping, by our names."""
        return {**self.line.fields(), **msgspec.json.decode(self._more)}

    def text(self) -> str:
        """The line as JSON."""
        if self._flavour is not None:
            return encode_line(translated(self._flavour, self.fields()))
        text = self.line.text()
        return f"{text[:-1]},{self._more[1:]}" if self._more != "{}" else text

    def entry(self) -> Entry:
        """The line as networks have it."""
        line = self.line
        text = self.text()
        return Entry(line.created, line.level, line.logger, text, line.trace_id, line.span_id, line.trace_flags)
