"""
What an exception says, as it may be shown: bounded, printable, without secrets.

Messages are where secrets get out: a client library that quotes its URL, a parser that quotes the header. What is known
as one is hidden (see `midwatch.redaction`).
"""

from __future__ import annotations

from ..redaction import DEFAULT
from ..redaction.mask import CUT

__all__ = ["one_line", "shown"]

shown = DEFAULT.text
"""`Redactor.text` of the redactor that knows nothing of the user's."""


def one_line(text: str, limit: int) -> str:
    """*text* with its line ends visible: in a plain text log they would forge lines."""
    text = text[:limit] + CUT if len(text) > limit else text
    return text.replace("\n", "\\n").replace("\t", "\\t")
