"""`audit`: the store of the audit trail takes events, and its checkpoints are made."""

from __future__ import annotations

from typing import Any, final

from ...audit.standing import standings
from ..result import ORDER, Result, Status
from .kind import COMMON, Quick, Scope, read

__all__ = ["Audit", "made"]


@final
class Audit(Quick):
    """The standing of the trails of this process that have a store; of several, the worst (see `audit.standing`)."""

    scope: Scope = "shared"

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__("audit", options)

    def look(self) -> Result:
        found = [standing.check() for standing in standings()]
        if not found:
            return Result("pass", observed="there is no store")
        return max(found, key=lambda result: ORDER.index(Status(result.status)))


def made(spec: str) -> Audit:
    """
    The check.

    Raises:
        ValueError: a parameter that is none.
    """
    return Audit(read(spec, COMMON))
