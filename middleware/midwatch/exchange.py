"""
One request and its response as observed: the record that all plugins share.

A door makes one `Exchange` per request and keeps it up to date; plugins read it, and say what they learnt in its typed
slots (`trace_id`, `request_id`, `actor`, ...), or in `extra` where they have none. Clocks are `time.perf_counter`
seconds; `started_at` is the one reading of the wall clock.
"""

from __future__ import annotations

import os
from threading import RLock
from time import perf_counter, time_ns
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from opentelemetry.context import Context

from .answers import Outcome
from .context import get_current
from .delivery import lost
from .headers import FORWARDING, without_port
from .plugin import hook_failed

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Mapping, MutableMapping

    from opentelemetry.trace import Span

    from .frameworks import Framework
    from .headers import HeaderName, HeaderNames
    from .plugin import Moments
    from .proxies import Proxies

__all__ = ["KEY", "Actor", "Exchange", "current"]

NOTED: Final = 128
"""Fields that an application may add to one line."""

KEY: Final = "midwatch.exchange"
"""Where the exchange is found: in the ASGI scope, the WSGI environ and the OpenTelemetry context."""


class Actor(NamedTuple):
    """Who acts: an identity the application has verified."""

    id: str
    type: str = "user"
    name: str | None = None


class Exchange:
    """One request and its response. Made by a door, never by a plugin."""

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

    @property
    def peer(self) -> tuple[str, int] | None:
        """Address and port of the socket's other end."""
        return None

    @property
    def http_version(self) -> str:
        """`1.1`, `2` and so on; empty where unknown."""
        raise NotImplementedError

    @property
    def query(self) -> str:
        """The query string, raw."""
        raise NotImplementedError

    def header(self, name: str) -> str | None:
        """A request header; several lines joined by a comma (RFC 9110 section 5.3)."""
        raise NotImplementedError

    def headers(self, names: HeaderNames) -> list[str | None]:
        """Several request headers at once."""
        raise NotImplementedError

    def headers_with(self, prefix: str) -> dict[str, str]:
        """The request headers whose names start with *prefix*, in lower case, by the rest of their names."""
        raise NotImplementedError

    def response_header(self, name: str) -> str | None:
        """The first response header called *name*, as the application sent it."""
        raise NotImplementedError

    def offer_header(self, name: HeaderName, value: str) -> None:
        """
        Add a response header unless the application has sent one of that name; for `on_response`.

        Raises:
            ValueError: as `add_header` does.
        """
        raise NotImplementedError

    def add_header(self, name: str, value: str) -> None:
        """
        Add a response header; for `on_response`.

        Raises:
            ValueError: a control character, or one outside Latin-1: it could split the response (RFC 9110 section 5.5).
        """
        raise NotImplementedError

    @property
    def time_to_first_byte(self) -> float | None:
        """Seconds from the request to the start of the response."""
        return None if self.first_byte is None else self.first_byte - self.started

    @property
    def direct(self) -> bool:
        """No proxy says that it forwarded this request, so the peer is the one who asks."""
        return not any(self.header(name) is not None for name in FORWARDING)

    @property
    def loop(self) -> AbstractEventLoop | None:
        """The event loop that serves this request, for what is bound to it; None where a thread does."""
        return None

    @property
    def host(self) -> str | None:
        """Host that the client asked for, without the port."""
        value = self.header("host")
        return without_port(value) if value else None

    @property
    def route(self) -> str | None:
        """Template of the matched route, mounts included; None where nothing matched yet, or nothing routes."""
        return self.find_route() if self._route is None and self.outcome is None else self._route

    @route.setter
    def route(self, template: str | None) -> None:
        self._route = template

    def find_route(self) -> str | None:
        """Ask the framework for the route."""
        try:
            return self.framework.route(self.native)
        except Exception:
            hook_failed(self.framework.route)
            return None

    @property
    def extra(self) -> dict[str, Any]:
        """What plugins keep for themselves, by a name of their own."""
        if self._extra is None:
            with _first:  # Threads of one request may both be first.
                self._extra = {} if self._extra is None else self._extra
        return self._extra

    def note(self, fields: Mapping[str, Any]) -> None:
        """Add *fields* to the line of this request; those beyond `NOTED` are counted as lost."""
        with _first:
            noted = self.noted = {} if self.noted is None else self.noted
            for name, value in fields.items():
                if len(noted) < NOTED or name in noted:
                    noted[name] = value
                else:
                    lost("fields of request lines")

    @property
    def error_type(self) -> str | None:
        """`error.type` of the semantic conventions: exception class, status or outcome; None when all went well."""
        if self.outcome is None or self.outcome is Outcome.ERROR:
            return str(self.status) if self.error is None else _qualname(type(self.error))
        return None if self.outcome is Outcome.OK else str(self.outcome)

    @property
    def actor(self) -> Actor | None:
        """Who acts: as the application said, else the user that its framework authenticated."""
        if self._actor is None:
            try:
                self._actor = self.framework.user(self.native)
            except Exception:
                hook_failed(self.framework.user)
        return self._actor

    @actor.setter
    def actor(self, actor: Actor) -> None:
        self._actor = actor


_qualname: Final = type.__dict__["__qualname__"].__get__
"""Past what a metaclass makes of it."""

_first = RLock()


def _after_fork() -> None:
    global _first  # noqa: PLW0603 - another thread of the parent may have held it
    _first = RLock()


os.register_at_fork(after_in_child=_after_fork)


def current() -> Exchange | None:
    """The exchange that the calling code serves; None outside a request."""
    return cast("Exchange | None", get_current().get(KEY))
