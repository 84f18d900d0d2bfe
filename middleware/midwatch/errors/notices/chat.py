"""
Text that nobody but us means anything by.

What an exception says may be a stranger's words. In a chat, `@everyone` would call everyone, and `<!channel>` too.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["slack_text", "without_calls"]

_calls: Final = re.compile(r"@(?=(?:everyone|here|channel|all)\b)|<(?=[!@#])", re.IGNORECASE)

APART: Final = "\u200b"
"""A space without width."""


def without_calls(text: str) -> str:
    """*text* that calls nobody; it looks the same."""
    return _calls.sub(lambda match: match[0] + APART, text)


def slack_text(text: str) -> str:
    """*text* as it is written where `&`, `<` and `>` mean something, see https://docs.slack.dev/messaging/formatting-message-text."""
    return without_calls(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
