"""What a poller asks for in the query of its URL."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import parse_qsl

__all__ = ["Asked", "asked"]

MAX_QUERY: Final = 2048
"""Characters that are read; strangers write it."""

MAX_FIELDS: Final = 64

OFF: Final = frozenset({"0", "false", "no", "off"})


class Asked(NamedTuple):
    """
    What the query says.

    Attributes:
        format: The profile; None for that of the settings.
        verbose: Each check on a line of text.
        exclude: Checks to leave out.
    """

    format: str | None = None
    verbose: bool = False
    exclude: tuple[str, ...] = ()


def asked(query: str) -> Asked:
    """Read *query*, in bounded time; what is none of ours says nothing."""
    if not query:
        return Asked()
    try:
        pairs = parse_qsl(query[:MAX_QUERY], keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return Asked()
    fields = dict(pairs)
    verbose = fields.get("verbose")
    excluded = dict.fromkeys(value for name, value in pairs if name == "exclude" and value)
    # A "+" in a query is a space; no profile has one.
    wanted = fields.get("format")
    wanted = None if wanted is None else wanted.replace(" ", "+")
    return Asked(wanted, verbose is not None and verbose.lower() not in OFF, tuple(excluded))
