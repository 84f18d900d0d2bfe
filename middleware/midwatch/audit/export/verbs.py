"""Which of create, read, update and delete an action is: what the standards know."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .opened import Event

__all__ = ["verb"]

WORDS: Final = {
    "create": "create", "add": "create", "insert": "create", "register": "create", "post": "create",
    "read": "read", "get": "read", "head": "read", "list": "read", "view": "read", "show": "read",
    "search": "read", "query": "read", "export": "read", "download": "read",
    "update": "update", "edit": "update", "change": "update", "set": "update", "put": "update", "patch": "update",
    "delete": "delete", "remove": "delete", "destroy": "delete", "erase": "delete", "prune": "delete",
}  # fmt: skip

_split: Final = re.compile(r"[^a-z]+").split


def verb(event: Event) -> str | None:
    """From the last word of an action such as `order.update`, else from the method; None for none of them."""
    if event.text("kind") != "request":
        words = [word for word in _split((event.text("action") or "")[:256].lower()) if word]
        if words and words[-1] in WORDS:
            return WORDS[words[-1]]
    return WORDS.get((event.text("http", "method") or "").lower())
