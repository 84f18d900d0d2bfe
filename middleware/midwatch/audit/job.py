"""Work outside of a request: a command, a scheduled task, a consumer of a queue."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from ..exchange import Actor
from ..plugin import hook_failed
from .canonical import Copy
from .entry import Entry
from .outcomes import outcome_of_error
from .parts import IDENTITY
from .pending import About
from .trail import latest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["current_job", "job"]

_current: Final[ContextVar[About | None]] = ContextVar("midwatch.audit.job", default=None)


def current_job() -> About | None:
    """What is known of the work that the calling code belongs to; None outside of any."""
    return _current.get()


@contextmanager
def job(action: str, *, actor: object = None, type: str = "service", resource: Any = None) -> Iterator[None]:  # noqa: A002
    """
    Record a piece of work when it is over, and let what it records name who does it.

    Its outcome is `success`, or what the exception that leaves it says; that goes on as it is.

    Args:
        action: Such as `nightly.cleanup`.
        actor: Who does it; `midwatch.audit.actor` may say so later.
        type: Of the actor.
        resource: As for `midwatch.audit.record`.
    """
    about = About()
    try:
        copy = Copy()
        if actor is not None:
            about.actor = Actor(copy.text("actor", actor), copy.text("actor", type, IDENTITY), None)
    except Exception:
        hook_failed(job)
    token = _current.set(about)
    outcome = "success"
    try:
        yield
    except BaseException as error:
        outcome = outcome_of_error(error)
        raise
    finally:
        _over(about, action, outcome, resource)
        _current.reset(token)


def _over(about: About, action: str, outcome: str, resource: Any) -> None:
    trail = latest()
    if trail is not None:
        entry = Entry(trail.clock(), action, outcome=None if about.denied else outcome, resource=resource)
        trail.emit("action", None, entry, about=about)
