"""What a server has taken out of a request before anybody sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

__all__ = ["forwarding_removed"]

OF_WAITRESS: Final = "waitress.client_disconnected"
"""A method of the connection, which has the request as it came (waitress, "Configuring WSGI environ")."""

REMOVED: Final = frozenset(
    {
        "FORWARDED",
        "X_FORWARDED_BY",
        "X_FORWARDED_FOR",
        "X_FORWARDED_HOST",
        "X_FORWARDED_PORT",
        "X_FORWARDED_PROTO",
    }
)
"""Headers that it takes out of requests of proxies that it was not told to trust: by default, of all."""


def forwarding_removed(environ: WSGIEnvironment) -> bool:
    """
    Whether the server has removed a header by which a proxy says that it forwarded the request.

    Without it, whoever asks through a proxy on this machine would pass for the machine itself.
    """
    method = environ.get(OF_WAITRESS)
    if method is None:
        return False
    try:
        return not REMOVED.isdisjoint(method.__self__.requests[0].headers)
    except (AttributeError, IndexError, TypeError):
        return True  # Nobody can tell.
