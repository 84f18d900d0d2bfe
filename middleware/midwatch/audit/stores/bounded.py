"""A connection to PostgreSQL that does not wait for ever: a server may be stopped while its sockets live."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["BoundedConnection"]

T = TypeVar("T")


class _SilenceError(psycopg.OperationalError):
    pass


class BoundedConnection(psycopg.Connection[Any]):
    """
    One whose answers have to come within `seconds`; afterwards it cannot be used any more.

    Attributes:
        seconds: None for any time.
    """

    seconds: float | None = None

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        if self.seconds is None:
            return super().wait(gen, *args, **kwargs)
        try:
            return super().wait(_bounded(gen, self.seconds), *args, **kwargs)
        except _SilenceError:
            # It is in the middle of a command: whoever tries to end the transaction would hide the reason.
            self.pgconn.finish()
            raise


def _bounded(gen: Generator[Any, Any, T], seconds: float) -> Generator[Any, Any, T]:
    """*gen*, which psycopg also resumes each tenth of a second in which nothing came."""
    until = monotonic() + seconds
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and monotonic() > until:
                raise _SilenceError(f"no answer within {seconds:g} s")
            wanted = gen.send(ready)
    except StopIteration as end:
        result: T = end.value
        return result
