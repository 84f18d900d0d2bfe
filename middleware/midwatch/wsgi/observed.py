"""An exchange as WSGI shows it: what the environ says, and `start_response` with an observer in it."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, final

from ..answers import BODILESS
from ..exchange import Exchange
from ..headers import HeaderName, field_name, field_value
from .removed import forwarding_removed
from .reply import respond, settle

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from wsgiref.types import StartResponse, WSGIEnvironment

    from ..answers import Reply
    from ..frameworks import Framework
    from ..headers import HeaderNames
    from ..moments import Moments
    from ..proxies import Proxies

    ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]

__all__ = ["Observed"]

_codes: Final = {str(code): code for code in range(100, 600)}

_keys: dict[str, str] = {}
"""Environ key of a header name; filled by the names that our code asks for."""


@final
class Observed(Exchange):
    """One request."""

    __slots__ = ("_address", "_port", "_start", "_started", "_write", "environ", "replacement")

    replacement: list[bytes] | None
    """Body of the answer that a plugin put in place of the application's."""
    _write: Callable[[bytes], object]
    _address: str | None
    _port: Any

    def __init__(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        moments: Moments,
        framework: Framework,
        proxies: Proxies | None,
    ) -> None:
        Exchange.__init__(self, environ, moments, framework)  # For each request; `super()` takes longer.
        self.environ = environ
        self._start = start_response
        self._started: list[tuple[str, str]] = []
        self.replacement = None
        self.method = environ.get("REQUEST_METHOD", "GET")
        path: str = environ.get("PATH_INFO", "")
        root: str = environ.get("SCRIPT_NAME", "")
        self.app_path = path if path.isascii() else _decode(path)
        self.path = self.app_path if not root else (root if root.isascii() else _decode(root)) + self.app_path
        # Now, since what is inside of us may put what a proxy said in their place.
        self.client = self._address = environ.get("REMOTE_ADDR") or None
        self._port = environ.get("REMOTE_PORT")
        self.scheme = environ.get("wsgi.url_scheme", "http")
        if proxies is not None:
            proxies.apply(self)

    @property
    def peer(self) -> tuple[str, int] | None:
        return None if self._address is None else (self._address, _number(self._port))

    @property
    def direct(self) -> bool:
        return super().direct and not forwarding_removed(self.environ)

    @property
    def http_version(self) -> str:
        return str(self.native.get("SERVER_PROTOCOL", ""))[5:]

    @property
    def query(self) -> str:
        return str(self.native.get("QUERY_STRING", ""))

    def header(self, name: str) -> str | None:
        key = _keys.get(name)
        if key is None:
            key = _keys[name] = HeaderName(name).wsgi
        value: str | None = self.native.get(key)
        return value

    def headers(self, names: HeaderNames) -> list[str | None]:
        return list(map(self.native.get, names.wsgi))

    def headers_with(self, prefix: str) -> dict[str, str]:
        start = "HTTP_" + prefix.upper().replace("-", "_")
        return {
            key[len(start) :].lower().replace("_", "-"): str(value)
            for key, value in self.native.items()
            if key.startswith(start)
        }

    def response_header(self, name: str) -> str | None:
        wanted = name.lower()
        for key, value in self._started:
            if key.lower() == wanted:
                return value
        return None

    def add_header(self, name: str, value: str) -> None:
        field_name(name), field_value(value)
        if self._added is None:
            self._added = []
        self._added.append((name, value))

    def offer_header(self, name: HeaderName, value: str) -> None:
        if self.response_header(name.name) is None:
            self.add_header(name.name, value)

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], object]:
        """What the application calls (PEP 3333): notes the status, adds headers; with *exc_info* once more."""
        if self.replacement is not None:
            return self._discard
        if type(headers) is not list:
            headers = list(headers)  # PEP 3333 asks for a list; servers take any iterable, once.
        self.status = _codes.get(status[:3]) if isinstance(status, str) else None
        self._started = headers
        if self.framework.forgets:
            self.framework.remember(self)
        if self.moments.on_response:
            answers = self.moments.response(self)
            reply = None if answers is None else settle(answers)
            if reply is not None:
                return self.replace(reply, exc_info)
        if self._added is not None:
            # A new list: the application may keep its own.
            headers = [*headers, *self._added]
            self._added = None
        self.first_byte = perf_counter()
        self._write = self._start(status, headers) if exc_info is None else self._start(status, headers, exc_info)
        return self.write

    def write(self, data: bytes, /) -> object:
        """The `write()` callable of PEP 3333, counting."""
        try:
            answer = self._write(data)
        except OSError as error:
            self.disconnected = True
            self.departure = error
            raise
        self.bytes_out += len(data)
        return answer

    def replace(self, reply: Reply, exc_info: ExcInfo | None = None) -> Callable[[bytes], object]:
        """Answer with *reply* and throw away what the application makes."""
        self.status = reply.status
        self.first_byte = perf_counter()
        self.replacement = respond(reply, self.environ, self._start, self._added or (), exc_info)
        return self._discard

    @property
    def cut_short(self) -> bool:
        """The server closed the body before its end, and not because there is none (RFC 9110 section 6.4.1)."""
        if self.complete:
            return False
        if self.method == "HEAD" or self.status in BODILESS:
            self.complete = True
            return False
        if self.status is None:
            return False  # Nothing was started: the application stopped, not the client.
        length = str(self.response_header("content-length"))
        self.complete = length.isdecimal() and self.bytes_out >= int(length)
        return not self.complete

    def hand_over(self) -> None:
        """The server sends a file by itself: all that is known is how long it should be."""
        length = str(self.response_header("content-length"))
        if length.isdecimal():
            self.bytes_out = int(length)
        self.complete = True

    def _discard(self, data: bytes, /) -> None:
        """`write()` of a response that was replaced."""


def _decode(text: str) -> str:
    """PEP 3333 hands bytes over as Latin-1; paths are UTF-8 (RFC 3987)."""
    return text.encode("latin-1", "replace").decode("utf-8", "replace")


def _number(text: Any) -> int:
    return int(text) if isinstance(text, str) and text.isdecimal() and len(text) < 6 else 0
