"""Kinds of values that name a place outside: networks, and destinations as URLs."""

from __future__ import annotations

import inspect
from ipaddress import ip_interface, ip_network
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit

from .kinds import Refused, either, kind, list_of
from .problem import nearest
from .shown import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from .kinds import Kind

__all__ = ["destination", "networks"]


def _network(value: object) -> str:
    if value == "unix":
        return "unix"
    if not isinstance(value, str):
        raise Refused
    try:
        return str(ip_network(value))
    except ValueError:
        pass
    try:
        right = str(ip_interface(value).network)
    except ValueError:
        raise Refused('did you mean "unix"?' if nearest(value, ("unix",)) else "") from None
    raise Refused(f"did you mean {shown(right)}?", f"{shown(value)} is an address within a network, not a network")


networks: Final = list_of(
    kind('a network such as "10.0.0.0/8", an address, or "unix"', _network),
    'networks ("10.0.0.0/8"), addresses, "unix"',
)


def destination(*names: str, call: bool) -> Kind:
    """
    Where something is sent to: one of *names*, a file as a URL, or a function that takes it.

    Args:
        names: Destinations that need no address.
        call: Whether a function is one.
    """
    expected = [f'"{name}"' for name in names] + ['"file:///path"'] + (["a callable"] if call else [])

    def accept(value: object) -> str | Callable[..., object]:
        if isinstance(value, str):
            return value if value in names else _file(value, names)
        if call and callable(value):
            if inspect.iscoroutinefunction(value):
                raise Refused("make it a plain function", "expected a plain function, got a coroutine function")
            return value
        raise Refused

    return kind(either(*expected), accept)


def _file(url: str, names: tuple[str, ...]) -> str:
    """*url* as `file:///path`, whichever way it was spelled."""
    guess = nearest(url, names)
    if guess:
        raise Refused(f'did you mean "{guess}"?')
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Refused from None
    if not url.isprintable() or url != url.strip():
        raise Refused
    if url.startswith("/"):
        raise Refused(f"did you mean {shown('file://' + quote(url))}?")
    if parts.scheme != "file":
        slashes, path = url.partition("://")[1:]
        near = slashes and path.startswith("/") and nearest(parts.scheme, ("file",))
        raise Refused(f"did you mean {shown('file://' + path)}?" if near else "")
    if parts.query or parts.fragment:
        raise Refused('in a file name, write "?" as %3F and "#" as %23', "a file URL has no query and no fragment")
    if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        right = f"file:///{parts.netloc}{parts.path}"
        raise Refused(f"did you mean {shown(right)}?", "a file URL has three slashes and the whole path")
    path = unquote(parts.path)
    if path.endswith("/") or "\0" in path:
        raise Refused("", f"{shown(url)} names no file")
    return f"file://{parts.path}"
