"""What the scope of ASGI, and the start of a response, say of an exchange."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..exchange import Exchange
from ..headers import field_name, field_value
from .fields import fold, named

if TYPE_CHECKING:
    from starlette.types import Message

    from ..headers import HeaderName, HeaderNames

__all__ = ["Scoped"]


class Scoped(Exchange):
    """An exchange of which the headers are asked."""

    __slots__ = ("_headers", "_start", "peer")

    peer: tuple[str, int] | None

    _headers: dict[bytes, bytes] | None
    _start: Message | None

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        try:
            return asyncio.get_running_loop()
        except RuntimeError:
            return None  # trio

    @property
    def http_version(self) -> str:
        version: str = self.native.get("http_version", "")
        return version

    @property
    def query(self) -> str:
        """The query string, raw."""
        raw: bytes = self.native.get("query_string", b"")
        return raw.decode("latin-1")

    def header(self, name: str) -> str | None:
        if self._headers is None:
            self._headers = fold(self.native["headers"])
        value = self._headers.get(named(name))
        return None if value is None else value.decode("latin-1")

    def headers(self, names: HeaderNames) -> list[str | None]:
        if self._headers is None:
            self._headers = fold(self.native["headers"])
        found = map(self._headers.get, names.asgi)
        return [None if value is None else value.decode("latin-1") for value in found]

    def headers_with(self, prefix: str) -> dict[str, str]:
        if self._headers is None:
            self._headers = fold(self.native["headers"])
        start, skip = prefix.encode(), len(prefix)
        return {
            name[skip:].decode("latin-1"): value.decode("latin-1")
            for name, value in self._headers.items()
            if name.startswith(start)
        }

    def response_header(self, name: str) -> str | None:
        value = None if self._start is None else dict(self._start.get("headers", ())).get(name.lower().encode())
        return None if value is None else value.decode("latin-1")

    def add_header(self, name: str, value: str) -> None:
        line = (field_name(name), field_value(value))
        if self._added is None:
            self._added = [line]
        else:
            self._added.append(line)

    def offer_header(self, name: HeaderName, value: str) -> None:
        if self._start is None or name.asgi not in dict(self._start.get("headers", ())):
            line = (name.asgi, field_value(value))
            if self._added is None:
                self._added = [line]
            else:
                self._added.append(line)
