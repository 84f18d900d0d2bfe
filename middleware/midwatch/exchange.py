"""
One request and its response as observed: the record that all plugins share.

A door makes one `Exchange` per request and keeps it up to date; plugins read it, and say what they learnt in its typed
slots (`trace_id`, `request_id`, `actor`, ...; see `Record`), or in `extra` where they have none.
"""

from __future__ import annotations

import os
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, cast

from .answers import Outcome
from .context import get_current
from .delivery import lost
from .headers import FORWARDING, without_port
from .plugin import hook_failed
from .record import KEY, Actor, Record

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Mapping

    from .headers import HeaderName, HeaderNames

__all__ = ["KEY", "Actor", "Exchange", "current"]

NOTED: Final = 128
"""Fields that an application may add to one line."""


class Exchange(Record):
    """One request and its response. Made by a door, never by a plugin."""

    __slots__ = ()

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
