"""
One request and its response as observed: the record that all plugins share.

A door makes one `Exchange` per request and keeps it up to date; plugins read it, and say what they learnt in its typed
slots (`trace_id`, `request_id`, `actor`, ...), or in `extra` where they have none. Clocks are `time.perf_counter`
seconds; `started_at` is the one reading of the wall clock.
"""

from __future__ import annotations

import re
from concurrent.futures import Future, wait
from enum import StrEnum
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

from .context import get_current
from .plugin import hook_failed

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Mapping, MutableMapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from .frameworks import Framework
    from .plugin import Moments

__all__ = ["Actor", "Exchange", "HeaderName", "HeaderNames", "Hold", "Outcome", "Reply", "current"]

KEY: Final = "midwatch.exchange"
"""Where the exchange is found: in the ASGI scope, the WSGI environ and the OpenTelemetry context."""


BODILESS: Final = frozenset({204, 304})
"""Statuses whose responses have no body (RFC 9110 section 6.4.1)."""


class Outcome(StrEnum):
    """What became of an exchange; decided once, by the door."""

    OK = "ok"
    ERROR = "error"
    """An exception left the app, or the status is 500 or above."""
    ABORTED = "aborted"
    """The client left before the last byte."""
    INCOMPLETE = "incomplete"
    """The app stopped before its response was complete."""
    CANCELLED = "cancelled"
    """The server or a timeout cancelled the app."""


class Actor(NamedTuple):
    """Who acts: an identity the application has verified."""

    id: str
    type: str = "user"
    name: str | None = None


@final
class Reply:
    """
    An answer given in place of the application's.

    Args:
        status: HTTP status code.
        body: Text (sent as UTF-8) or bytes.
        media_type: Value of `content-type`.
        headers: Further headers.
    """

    __slots__ = ("body", "headers", "media_type", "status")

    def __init__(
        self,
        status: int,
        body: str | bytes = b"",
        *,
        media_type: str = "text/plain; charset=utf-8",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.body = body.encode() if isinstance(body, str) else body
        self.media_type = media_type
        self.headers = dict(headers or {})


@final
class Hold:
    """
    Something to wait for before going on: the door waits in its own way (ASGI awaits, WSGI blocks).

    A future that resolves to a `Reply` answers the request with it. A future that fails, or is not done in time,
    answers with *otherwise*, or goes on as if nothing had been asked.

    Args:
        future: Resolved by another thread.
        deadline: Seconds from now after which the door stops waiting.
        otherwise: The answer when the future failed or is late.
    """

    __slots__ = ("_expires", "future", "otherwise")

    def __init__(self, future: Future[Any], deadline: float, otherwise: Reply | None = None) -> None:
        self.future = future
        self.otherwise = otherwise
        self._expires = monotonic() + deadline

    @property
    def remaining(self) -> float:
        """Seconds left to wait."""
        return max(0.0, self._expires - monotonic())

    def wait(self) -> Reply | None:
        """Block until the future is done or the time is up; its `answer`."""
        wait((self.future,), self.remaining)
        return self.answer()

    def answer(self) -> Reply | None:
        """What the future came to, now that waiting is over."""
        if not self.future.done() or self.future.cancelled() or self.future.exception() is not None:
            return self.otherwise
        result = self.future.result()
        return result if isinstance(result, Reply) else None


class HeaderName:
    """A header name in every spelling that a door needs, made once."""

    __slots__ = ("asgi", "name", "wsgi")

    def __init__(self, name: str) -> None:
        self.name = name.lower()
        self.asgi = field_name(self.name)
        special = self.name in {"content-type", "content-length"}
        self.wsgi = ("" if special else "HTTP_") + self.name.upper().replace("-", "_")


class HeaderNames:
    """Several header names, for `Exchange.headers`."""

    __slots__ = ("asgi", "wsgi")

    def __init__(self, *names: str) -> None:
        known = [HeaderName(name) for name in names]
        self.asgi = tuple(name.asgi for name in known)
        self.wsgi = tuple(name.wsgi for name in known)


class Exchange:
    """
    One request and its response. Made by a door, never by a plugin.

    Defaults are attributes of the class, so that making one costs only what is known at once.
    """

    kind = "http"
    """`"http"` or `"websocket"`."""
    method: str
    """As received; strangers choose it."""
    path: str
    """Decoded and complete, mount point included."""
    app_path: str
    """`path` below the mount point (`root_path`, `SCRIPT_NAME`): what the application routes on."""
    scheme: str
    """`http`, `https`, `ws` or `wss`, as the client used it where a trusted proxy says so."""
    peer: tuple[str, int] | None = None
    """Address and port of the socket's other end."""
    client: str | None = None
    """Address of the client: the peer's, or what trusted proxies say of it (see `midwatch.proxies`)."""
    route: str | None = None
    """Template of the matched route, mounts included; None where nothing matched or nothing routes, and until the
    framework is asked: when an error is noted or the exchange is over. The application may set it earlier."""
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
    first_byte: float | None = None
    """Clock when the response started."""
    ended: float | None = None
    """Clock when the last body byte was handed over."""

    status: int | None = None
    """None until the response starts; 101 for an accepted websocket."""
    bytes_in = 0
    """Body bytes that the application has read."""
    bytes_out = 0
    """Body bytes handed over."""
    complete = False
    """The whole response was handed over."""
    disconnected = False
    """The client left before that."""
    close_code: int | None = None
    """Of a websocket (RFC 6455 section 7.4)."""
    error: BaseException | None = None
    """What left the application, or what its framework turned into a 500; the latest of several."""
    outcome: Outcome | None = None
    """None until the exchange is over."""
    duration = 0.0
    """Seconds from the request to the last body byte, once the exchange is over."""

    context: Context
    """The OpenTelemetry context of this request."""
    span: Span | None = None
    """The server span, if there is one."""
    trace_id: str | None = None
    span_id: str | None = None
    trace_flags = 0
    request_id: str | None = None

    _actor: Actor | None = None
    _added: list[Any] | None = None
    _extra: dict[str, Any] | None = None

    @property
    def http_version(self) -> str:
        """`1.1`, `2` and so on; empty where unknown."""
        raise NotImplementedError

    @property
    def query(self) -> str:
        """The query string, raw."""
        raise NotImplementedError

    def header(self, name: str) -> str | None:
        """A request header by lower-case *name*; several lines joined by a comma (RFC 9110 section 5.3)."""
        raise NotImplementedError

    def headers(self, names: HeaderNames) -> list[str | None]:
        """Several request headers at once."""
        raise NotImplementedError

    def response_header(self, name: str) -> str | None:
        """The first response header called *name* (lower case), as the application sent it."""
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
    def extra(self) -> dict[str, Any]:
        """What plugins keep for themselves, by a name of their own."""
        if self._extra is None:
            # Threads of one request may both be first; setdefault lets one of them win for both.
            self._extra = self.__dict__.setdefault("extra", {})
        return self._extra

    @property
    def error_type(self) -> str | None:
        """`error.type` of the semantic conventions: exception class, status or outcome; None when all went well."""
        if self.outcome is None or self.outcome is _ERROR:
            return str(self.status) if self.error is None else type(self.error).__qualname__
        return None if self.outcome is _OK else str(self.outcome)

    def fail(self, error: BaseException) -> Reply | None:
        """Note that *error* left the application; runs `on_error` once per exception object."""
        if self.error is error:
            return None
        self.error = error
        self.find_route()
        if self.disconnected and _is_departure(error):
            return None
        return self.moments.error(self)

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

    def find_route(self) -> None:
        """Ask the framework for the route, unless it is known; for doors."""
        if self.route is None:
            try:
                self.route = self.framework.route(self.native)
            except Exception:
                hook_failed(self.framework.route)

    def conclude(self, *, cancelled: bool = False) -> None:
        """Decide the outcome and tell every plugin, once; for doors."""
        if self.outcome is not None:
            return
        if self.ended is None:
            self.ended = perf_counter()
        self.duration = self.ended - self.started
        if self.route is None:
            self.find_route()
        if self.complete and self.error is None and not self.disconnected:
            self.outcome = _OK if self.status is None or self.status < 500 else _ERROR
        else:
            self.outcome = self._fate(cancelled)
        self.moments.finish(self)

    def _fate(self, cancelled: bool) -> Outcome:
        if self.disconnected and (self.error is None or _is_departure(self.error)):
            return Outcome.ABORTED
        if self.error is not None:
            if self.status is None:
                # Both specifications have the server answer 500 when the app raised before it started.
                self.status = 500
            return Outcome.ERROR
        return Outcome.CANCELLED if cancelled else Outcome.INCOMPLETE


_OK = Outcome.OK
_ERROR = Outcome.ERROR

FORWARDING: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_DEPARTURES: Final = frozenset({"ClientDisconnect", "WebSocketDisconnect"})


def _is_departure(error: BaseException | None) -> bool:
    """Whether *error* only says that the client left: the server's OSError, or a framework's name for it."""
    for _ in range(16):
        if error is None:
            return False
        if isinstance(error, OSError) or type(error).__name__ in _DEPARTURES:
            return True
        error = error.__cause__ or error.__context__
    return False


_is_token = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_is_field_value = re.compile(r"[\t\x20-\x7e\xa0-\xff]*").fullmatch
_field_names: dict[str, bytes] = {}


def field_name(name: str) -> bytes:
    """
    *name* as it goes into a header line.

    Raises:
        ValueError: it is no token (RFC 9110 section 5.1).
    """
    known = _field_names.get(name)
    if known is None:
        if not _is_token(name):
            raise ValueError(f"not the name of a header: {name!r}")
        known = _field_names[name] = name.encode()
    return known


def field_value(value: str) -> bytes:
    """
    *value* as it goes into a header line.

    Raises:
        ValueError: it holds a control character, or one outside Latin-1 (RFC 9110 section 5.5).
    """
    if value.isascii() and value.isprintable():
        return value.encode()
    if not _is_field_value(value):
        raise ValueError(f"not the value of a header: {value!r}")
    return value.encode("latin-1")


def without_port(host: str) -> str:
    """The host of a `Host` header (RFC 9110 section 7.2)."""
    return host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]


def current() -> Exchange | None:
    """The exchange that the calling code serves; None outside a request."""
    found = get_current().get(KEY)
    return found if isinstance(found, Exchange) else None
