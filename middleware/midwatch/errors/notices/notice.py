"""What one person is told at once, ready to be sent in any way."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

__all__ = ["Kind", "Notice"]

Kind: TypeAlias = Literal["first", "count", "returned", "digest", "suppressed"]
"""
Seen for the first time; for the tenth, hundredth ... time; again after long silence; what has occurred besides; what
was held back, as soon as there is room for it.
"""


class Notice(NamedTuple):
    """
    A message to people. It holds nothing of the exception but text, whose secrets are masked.

    Attributes:
        title: One printable line.
        text: Plain, some lines; does not repeat the title.
        fields: For machines, by the names of log lines: values that JSON knows.
        fingerprint: Of the error; None where it is about several.
        id: Unique; the same whenever it is sent again.
        time: Seconds since the epoch.
    """

    kind: Kind
    title: str
    text: str
    fields: dict[str, Any]
    fingerprint: str | None
    id: str
    time: float

    @property
    def whole(self) -> str:
        """Title and text."""
        return f"{self.title}\n\n{self.text}"
