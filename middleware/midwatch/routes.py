"""
Routes as settings name them: `POST /orders/{id}`, `/static/*`, `/users/<int:id>`; without a method, any one is meant.

`*` is any text. A parameter is anything but a slash, whatever it is called.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Generic, TypeVar, final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .exchange import Exchange

__all__ = ["MAX_PATH", "Routes", "route_pattern"]

T = TypeVar("T")

MAX_PATH: Final = 1024
"""Characters of a path that routes are compared with; strangers write it."""

KNOWN: Final = 4096
"""Methods and routes whose rule is remembered; then all are forgotten, since strangers choose the method."""


def route_pattern(route: str) -> re.Pattern[str]:
    """
    What matches `METHOD path` for a *route* such as `POST /orders/{id}`, `/static/*` or `/users/<int:id>`.

    Linear in the length of the path, which strangers write.
    """
    method, space, path = route.rpartition(" ")
    pattern = re.escape(method.strip()) if space else "[^ ]*"
    first, *rest = _anything.split(path)
    pattern += f" {_parts(first, last=not rest)}"
    if rest:
        # What has matched as early as it can is never tried again: strangers choose the path, and would make us try.
        pattern += "".join(f"(?>.*?{_parts(middle)})" for middle in rest[:-1]) + f".*{_parts(rest[-1], last=True)}"
    return re.compile(pattern, re.DOTALL)


_anything: Final = re.compile(r"\*|\{[^{}/]*:path\}|<path:[^<>/]*>")
_parameter: Final = re.compile(r"\{[^{}/]*\}|<[^<>/]*>")


def _parts(template: str, *, last: bool = False) -> str:
    """The pattern of a *template* in which only parameters may vary; the *last* one may not stop too early."""
    first, *rest = [re.escape(text) for text in _parameter.split(template)]
    patterns = [f"(?>[^/]+?{text})" for text in rest]
    if last and rest:
        patterns[-1] = f"[^/]+{rest[-1]}"
    return first + "".join(patterns)


@final
class Routes(Generic[T]):
    """
    What the settings say of a request, by the route that it took: the first that matches.

    The template decides, so that no spelling of a URL can escape a rule; what took no route is compared by its path.

    Args:
        rules: By route.
    """

    def __init__(self, rules: Mapping[str, T]) -> None:
        self._rules = [(route_pattern(route).fullmatch, rule) for route, rule in rules.items()]
        self._known: dict[tuple[str, str], T | None] = {}

    def __bool__(self) -> bool:
        return bool(self._rules)

    def of(self, exchange: Exchange) -> T | None:
        """The rule for *exchange*; None without one."""
        route = exchange.route
        if route is None:
            return self._found(f"{exchange.method[:MAX_PATH]} {exchange.path[:MAX_PATH]}")
        key = exchange.method, route
        try:
            return self._known[key]
        except KeyError:
            if len(self._known) >= KNOWN:
                self._known.clear()
            rule = self._known[key] = self._found(f"{exchange.method[:MAX_PATH]} {route}")
            return rule

    def _found(self, asked: str) -> T | None:
        return next((rule for matches, rule in self._rules if matches(asked)), None)
