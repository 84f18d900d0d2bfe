"""
What the `Tracing` made last wants of spans and of outgoing headers.

Spans with a parent of ours take everything from it. This is for what has none (a job, a script, the start of the
service) and for calls to other services.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from ..redaction import DEFAULT
from .formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..redaction import Redactor
    from .formats import Format
    from .sampling import Sampler
    from .span import Span

__all__ = ["policy"]


@final
class Policy:
    """
    One for the process, since libraries ask without saying for which application.

    Attributes:
        export: Takes finished spans; None where nobody wants any.
        sampler: Decides on traces that begin here; None keeps all.
        send: Formats of the headers on the way out.
        operations: FastAPI's own spans of dependencies, endpoints and serialization are wanted.
        redactor: Hides what is secret in exceptions and in addresses of calls.
    """

    __slots__ = ("_hosts", "export", "operations", "redactor", "sampler", "send")

    def __init__(self) -> None:
        self.export: Callable[[Span], object] | None = None
        self.sampler: Sampler | None = None
        self.send: Sequence[Format] = (FORMATS["tracecontext"], FORMATS["baggage"])
        self.operations = False
        self.redactor = DEFAULT
        self._hosts: tuple[str, ...] = ()

    def adopt(
        self,
        export: Callable[[Span], object] | None,
        sampler: Sampler | None,
        send: Iterable[Format],
        hosts: Iterable[str],
        *,
        operations: bool,
        redactor: Redactor = DEFAULT,
    ) -> None:
        """Take over what a new `Tracing` wants."""
        self.export, self.sampler, self.send, self.operations = export, sampler, tuple(send), operations
        self._hosts = tuple(host.lower() for host in hosts)
        self.redactor = redactor

    def may_know(self, host: str) -> bool:
        """Whether *host*, to which a call was redirected from another one, may be told of the trace."""
        host = host.lower()
        return any(
            known == "*" or host == known or (known.startswith(".") and host.endswith(known)) for known in self._hosts
        )


policy: Final = Policy()
