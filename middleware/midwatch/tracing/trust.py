"""Whose traces are continued."""

from __future__ import annotations

from inspect import isawaitable
from typing import TYPE_CHECKING

from ..plugin import hook_failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..exchange import Exchange
    from ..proxies import Proxies

__all__ = ["trust_of"]


def trust_of(trust: str | Callable[[Exchange], object], proxies: Proxies | None) -> Callable[[Exchange], object] | None:
    """
    Whether the caller of an exchange may choose our trace and its sampling; None where everybody may.

    Args:
        trust: `always`, `proxies` (callers that are among the trusted ones), `never`, or a callable.
        proxies: Who is trusted.

    Raises:
        ValueError: another word.
    """
    if callable(trust):
        return _guarded(trust)
    if trust == "always":
        return None
    if trust == "never" or (trust == "proxies" and proxies is None):
        return lambda _: False
    if trust == "proxies" and proxies is not None:
        return proxies.trust
    raise ValueError(f"{trust}: not whom to trust; known are always, proxies, never and a callable")


def _guarded(trust: Callable[[Exchange], object]) -> Callable[[Exchange], bool]:
    """A function that fails trusts nobody."""

    def trusted(exchange: Exchange) -> bool:
        try:
            answer = trust(exchange)
            if isawaitable(answer):
                raise TypeError("it has to be waited for, which says nothing of the caller")
            return bool(answer)
        except Exception:
            hook_failed(trust)
            return False

    return trusted
