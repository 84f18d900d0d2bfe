"""What frameworks say of a request: the route that matched and the user they authenticated. One small file for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from ..answers import Reply
    from ..exchange import Actor, Exchange
    from ..moments import Moments

__all__ = ["Answer", "Framework", "answering", "descends"]

Answer: TypeAlias = "Callable[[Exchange | None], Reply]"
"""Makes the answer to an unhandled exception."""


class Framework:
    """
    No framework: a bare callable, which routes by itself and leaves a 500 to whoever sees its exception.

    Attributes:
        answers: An exception that leaves the application has been answered already, or is meant for the server.
        lifespan: The application takes part in ASGI's lifespan; of others an exception there says that it does not.
        forgets: Route and user are known when the response starts, and no longer when the exchange is over.
    """

    answers = False
    lifespan = False
    forgets = False

    def prepare(self, app: object, moments: Moments) -> None:
        """Keep *app* from doing what the plugins of *moments* do; once, when the server starts."""

    def answer_with(self, app: object, answer: Answer) -> None:
        """
        Have *app* answer with *answer* where it would with the framework's own page for unhandled exceptions.

        The application's handlers win, registered before or after, and what the framework shows to a developer stays.
        """

    def route(self, native: MutableMapping[str, Any]) -> str | None:
        """Template of the route that matched, mounts included, from what is left in the scope or environ."""
        return None

    def remember(self, exchange: Exchange) -> None:
        """Note route and user while they are known, where they are forgotten; must not raise."""

    def user(self, native: MutableMapping[str, Any]) -> Actor | None:
        """The user that the framework authenticated, if it looked."""
        return None


def answering(moments: Moments) -> Answer | None:
    """What a plugin has to say in place of frameworks; None if that is theirs."""
    found = (getattr(plugin, "answering", None) for plugin in moments.plugins)
    return next((answer for answer in found if answer is not None), None)


def descends(app: object, module: str, name: str) -> bool:
    """Whether *app* is an instance of that class, told without importing it."""
    return any(base.__module__ == module and base.__name__ == name for base in type(app).__mro__)
