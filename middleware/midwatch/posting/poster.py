"""
One HTTP POST to a destination, as any sender of ours needs it: it ends in time, whatever the other side does.

The connection is kept, redirects are not followed, answers are read up to a limit, and nothing traces the call.
"""

from __future__ import annotations

import gzip
import http.client
import os
import re
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final, final

from opentelemetry.context import (
    _SUPPRESS_HTTP_INSTRUMENTATION_KEY,
    _SUPPRESS_INSTRUMENTATION_KEY,
    attach,
    detach,
    set_value,
)
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

from ..delivery import Later, Refused
from .answer import BUSY, pause_of, printable, read_answer
from .place import place_of
from .proxy import manager_for
from .timed import POOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from urllib3 import PoolManager

__all__ = ["VERSION", "Poster", "is_header"]


def _version() -> str:
    try:
        return version("midwatch")
    except PackageNotFoundError:  # pragma: no cover - a source tree that is not installed
        return "0"


VERSION: Final = _version()

EXPECTED: Final = "expected http://host:port/path or https://host:port/path"

_is_name: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_is_value: Final = re.compile(r"[\t\x20-\x7e]*").fullmatch


def is_header(name: str, value: str) -> bool:
    """Whether HTTP knows such a header; nothing else can be smuggled in with one."""
    return _is_name(name) is not None and _is_value(value) is not None


@final
class Poster:
    """
    Sends bodies to one URL.

    Args:
        url: `http` or `https`; user information in it becomes basic authentication.
        headers: Sent with each request.
        timeout: Seconds that one request may take; looking the host up, and each further address that it has, may
            take as long again.
        gzip: Whether bodies are compressed.
        heard: Told the status and the headers of each answer, before what it means is raised.

    Attributes:
        place: The URL as messages may show it: without credentials and query.

    Raises:
        ValueError: a URL or header that HTTP does not know; the message holds no credentials.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        timeout: float = 10.0,
        gzip: bool = False,
        heard: Callable[[int, Mapping[str, str]], object] | None = None,
    ) -> None:
        place = place_of(url, EXPECTED)
        parts = place.parts
        if parts.scheme not in {"http", "https"}:
            raise ValueError(EXPECTED)
        self._scheme, self._netloc = parts.scheme, place.netloc
        self.place = f"{parts.scheme}://{self._netloc}{parts.path}"
        self._url = f"{self.place}?{parts.query}" if parts.query else self.place
        self._headers = {"user-agent": f"midwatch/{VERSION}", **place.authorization}
        self._headers.update({name.lower(): value for name, value in headers.items()})
        if gzip:
            self._headers["content-encoding"] = "gzip"
        for name, value in self._headers.items():
            if not is_header(name, value):
                raise ValueError(f"header {name[:40]!r}: its name or its value cannot be one of HTTP's")
        self._timeout = timeout
        self._gzip = gzip
        self._heard = heard
        self._manager: PoolManager | None = None
        self._process = 0

    def post(self, body: bytes | memoryview) -> bytes:
        """
        Send *body*; what comes back, the beginning of it if it is long.

        Once an answer has begun with success the body has arrived, even if the rest of the answer does not.

        Raises:
            Refused: the answer says that the same body will never be taken.
            Later: it says to try again.
            ConnectionError: there was none.
        """
        token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True, set_value(_SUPPRESS_HTTP_INSTRUMENTATION_KEY, 1)))
        try:
            response = self._pools().urlopen(
                "POST",
                self._url,
                body=gzip.compress(body, 1, mtime=0) if self._gzip else body,
                headers=self._headers,
                timeout=Timeout(total=self._timeout),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            answer = read_answer(response)
        except (HTTPError, OSError) as error:
            # urllib3 puts the path, the proxy and more into its messages.
            raise ConnectionError(f"{self.place}: {_why(error)}") from None
        finally:
            detach(token)
        if self._heard is not None:
            self._heard(response.status, response.headers)
        if 200 <= response.status < 300:
            return answer
        said = f"{self.place}: {response.status} {printable(answer)}".rstrip()
        if response.status in BUSY:
            raise Later(pause_of(response.headers.get("Retry-After", "")), said)
        raise Refused(said)

    def _pools(self) -> PoolManager:
        """Those of this process: a child that used its parent's connections would mix its requests into them."""
        if self._manager is None or self._process != os.getpid():
            self._process = os.getpid()
            self._manager = manager_for(self._scheme, self._netloc)
            self._manager.pool_classes_by_scheme = POOLS
        return self._manager


def _why(error: Exception) -> str:
    """The innermost reason, which says what happened and not to whom."""
    while isinstance(cause := error.__cause__ or error.__context__, HTTPError | OSError | http.client.HTTPException):
        error = cause
    told = getattr(error, "strerror", None) or ("timed out" if isinstance(error, TimeoutError) else "")
    return f"{type(error).__name__}: {told}" if told else type(error).__name__
