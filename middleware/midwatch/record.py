"""
What is kept of one request and its response; `Exchange` is what can be asked of it.

Clocks are `time.perf_counter` seconds; `started_at` is the one reading of the wall clock.
"""

from __future__ import annotations

from time import perf_counter, time_ns
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry.context import Context

from .context import get_current

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from opentelemetry.trace import Span

    from .answers import Outcome
    from .frameworks import Framework
    from .moments import Moments
    from .proxies import Proxies

__all__ = ["KEY", "Actor", "Record"]

KEY: Final = "midwatch.exchange"
"""Where the exchange is found: in the ASGI scope, the WSGI environ and the OpenTelemetry context."""


class Actor(NamedTuple):
    """Who acts: an identity the application has verified."""

    id: str
    type: str = "user"
    name: str | None = None


class Record:
    """The slots of an exchange, and what each of them means."""

    __slots__ = (
        "__weakref__", "_actor", "_added", "_extra", "_route", "app_path", "bytes_in", "bytes_out", "client",
        "close_code", "complete", "context", "departure", "disconnected", "duration", "ended", "error", "first_byte",
        "framework", "kind", "method", "moments", "native", "noted", "on_body", "on_message", "outcome", "path",
        "probe", "proxies", "request_id", "scheme", "span", "span_id", "started", "started_at", "status", "trace_flags",
        "trace_id",
    )  # fmt: skip

    kind: str
    """`"http"` or `"websocket"`."""
    method: str
    """As received; strangers choose it."""
    path: str
    """Decoded and complete, mount point included."""
    app_path: str
    """`path` below the mount point (`root_path`, `SCRIPT_NAME`): what the application routes on."""
    scheme: str
    """`http`, `https`, `ws` or `wss`, as the client used it where a trusted proxy says so."""
    client: str | None
    """Address of the client: the peer's, or what trusted proxies say of it (see `midwatch.proxies`)."""
    proxies: Proxies | None
    """Who may speak for the client, where anybody may."""
    native: MutableMapping[str, Any]
    """The ASGI scope or the WSGI environ, for code that knows which."""
    framework: Framework
    """What routes and answers below the door."""
    moments: Moments
    """Who watches."""

    started: float
    """Clock when the request was seen."""
    started_at: int
    """Wall clock of `started`, nanoseconds since the epoch."""
    first_byte: float | None
    """Clock when the response started."""
    ended: float | None
    """Clock when the last body byte was handed over."""

    status: int | None
    """None until the response starts; 101 for an accepted websocket."""
    bytes_in: int
    """Body bytes that the application has read."""
    bytes_out: int
    """Body bytes handed over."""
    complete: bool
    """The whole response was handed over."""
    disconnected: bool
    """The client left before that."""
    departure: OSError | None
    """What the server raised when the application sent to a client that had left."""
    close_code: int | None
    """Of a websocket (RFC 6455 section 7.4)."""
    on_message: Callable[[str, int], object] | None
    """Told of each message of a websocket: `SENT` or `RECEIVED`, and its bytes or characters."""
    on_body: Callable[[bytes], object] | None
    """Told of each piece of the request's body that the application reads; set in `on_request`."""
    probe: bool
    """Asked by who operates the service, and answered by Midwatch: health, metrics."""
    noted: dict[str, Any] | None
    """What the application adds to the line of its request (see `midwatch.log`)."""
    error: BaseException | None
    """What left the application, or what its framework turned into a 500; the latest of several."""
    outcome: Outcome | None
    """None until the exchange is over."""
    duration: float
    """Seconds from the request to the last body byte, once the exchange is over."""

    context: Context
    """The OpenTelemetry context of this request, on top of the one in which the server called us."""
    span: Span | None
    """The server span, if there is one."""
    trace_id: str | None
    span_id: str | None
    trace_flags: int
    request_id: str | None

    _actor: Actor | None
    _route: str | None
    _added: list[Any] | None
    _extra: dict[str, Any] | None

    def __init__(self, native: MutableMapping[str, Any], moments: Moments, framework: Framework) -> None:
        self.started = perf_counter()
        self.started_at = time_ns()
        self.native = native
        self.moments = moments
        self.framework = framework
        around = get_current()
        self.context = Context({**around, KEY: self}) if around else Context({KEY: self})
        self.kind = "http"
        self.client = self._route = self.first_byte = self.ended = self.status = self.close_code = None
        self.departure = self.on_message = self.on_body = self.noted = self.proxies = None
        self.error = self.outcome = self.span = self.trace_id = self.span_id = self.request_id = None
        self._actor = self._added = self._extra = None
        self.bytes_in = self.bytes_out = self.trace_flags = 0
        self.complete = self.disconnected = self.probe = False
        self.duration = 0.0
