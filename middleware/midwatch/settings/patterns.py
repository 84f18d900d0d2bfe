"""Kinds of values that pick something out: routes, hosts, headers and regular expressions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from .kinds import Kind, Refused, header, kind, level_name, list_of, share
from .shown import shown

if TYPE_CHECKING:
    from .place import Place

__all__ = ["NO_EXPRESSION", "expression", "headers", "hosts", "route", "route_levels", "routes"]

NO_EXPRESSION: Final = (re.error, ValueError, OverflowError, RecursionError, Warning)
"""What `re.compile` raises; a warning where the program asks for errors instead."""

headers: Final = list_of(header, "names of headers (RFC 9110 section 5.1)")

_is_route: Final = re.compile(r"(?:[A-Z]+ +)?/\S*").fullmatch
_is_host: Final = re.compile(r"\*|\.?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[?[0-9A-Fa-f:]+\]?").fullmatch


def _expression(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise Refused
    try:
        re.compile(value)
    except NO_EXPRESSION as error:
        raise Refused("", f"{shown(value)} is no regular expression: {error}") from None
    return value


expression: Final = kind("a regular expression", _expression)


def _host(value: object) -> str:
    if isinstance(value, str) and _is_host(value):
        return value.lower()
    if isinstance(value, str):
        right = value.removeprefix("*").rpartition("://")[2].partition("/")[0].partition(":")[0]
        raise Refused(f"did you mean {shown(right)}?" if _is_host(right) else "")
    raise Refused


hosts: Final = kind('a host, ".example.org" for all below it, or "*"', _host)


def _route(value: object) -> str:
    if isinstance(value, str) and _is_route(value):
        return value
    right = _with_method(value) if isinstance(value, str) else ""
    raise Refused(f"did you mean {shown(right)}?" if _is_route(right) else "")


route: Final = kind('a route such as "POST /orders/{id}", "/orders/{id}" or "/static/*"', _route)


def _by_route(item: Kind, what: str) -> Kind:
    """A dict of *item* by route."""

    def read(value: object, place: Place) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            place.wrong(f"expected a dict of {what} by route, got {shown(value)}")
            return {}
        found: dict[str, Any] = {}
        for route, given in value.items():
            here = place.entry(route, given, "ROUTE")
            if isinstance(route, str) and _is_route(route):
                found[route] = item.read(given, here)
                continue
            right = _with_method(route) if isinstance(route, str) else ""
            hint = f"did you mean {shown(right)}?" if _is_route(right) else ""
            here.wrong('expected a route such as "POST /orders/{id}", "/orders/{id}" or "/static/*"', hint)
        return found

    return Kind(f"a dict of {what} by route", read)


def _with_method(route: str) -> str:
    method, space, path = route.rpartition(" ")
    return f"{method.upper()}{space}/{path.removeprefix('/')}"


def _route_level(value: object) -> Any:
    if value is False or value == "changes":
        return value
    return level_name(value)


routes: Final = _by_route(share, "shares")
route_levels: Final = _by_route(
    kind('the name of a logging level, "changes" or False', _route_level), 'names of levels, "changes" or False'
)
