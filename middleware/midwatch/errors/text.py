"""
What an exception says, as it may be shown: bounded, printable, one kind of secret after the other masked.

Messages are where secrets get out: a client library that quotes its URL, a parser that quotes the header. Masked are
JSON web tokens, `Bearer` and `Basic` credentials, private keys in PEM, the user part of a URL, and values named
`password=`, `secret=`, `token=` or `api_key=`. All patterns are linear in the length of the text.
"""

from __future__ import annotations

import re
from typing import Any, Final

from ..logs.safe import CUT, safe_text
from .anatomy import type_name

__all__ = ["one_line", "shown"]

MASK: Final = "[redacted]"

OVERLAP: Final = 512
"""Characters read past a limit, so that a secret which straddles it is still recognised."""

_SECRETS: Final = (
    (re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{0,40}-----|\Z)", re.DOTALL), MASK),
    (re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}"), MASK),
    # "Bearer authentication" is prose: a credential has a digit, a capital or padding after its first letter.
    (re.compile(r"\b((?i:bearer|basic))\s{1,4}(?=[\w.~+/-]+[A-Z0-9=])[\w.~+/-]{8,}={0,2}"), rf"\1 {MASK}"),
    # The authority of a URL ends at "/", "?" or "#" (RFC 3986 section 3.2).
    (re.compile(r"://[^\s/?#]*@"), f"://{MASK}@"),
    (
        re.compile(
            r"(?i)(password|passwd|pwd|secret|token|api[_-]?key)(['\"]?\s{0,2}=\s{0,2}|['\"]\s{0,2}:\s{0,2})"
            r"(?:'[^']{0,512}'|\"[^\"]{0,512}\"|['\"]?[^\s'\",;&)]+)"
        ),
        rf"\1\2{MASK}",
    ),
)

_escapes: Final = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (*range(9), *range(11, 32), *range(127, 160), 0x2028, 0x2029)
}


def shown(value: Any, limit: int) -> str:
    """*value* as text of at most *limit* characters and a mark where it was cut; never raises."""
    try:
        text: str = value if type(value) is str else str.__str__(str(value))
    except Exception as error:
        return f"<{type_name(value)} that raises {type_name(error)}>"
    text = safe_text(text[: limit + OVERLAP])
    for secret, mask in _SECRETS:
        text = secret.sub(mask, text)
    if not text.isprintable():
        text = text.translate(_escapes)
    return text if len(text) <= limit else text[:limit] + CUT


def one_line(text: str, limit: int) -> str:
    """*text* with its line ends visible: in a plain text log they would forge lines."""
    text = text[:limit] + CUT if len(text) > limit else text
    return text.replace("\n", "\\n").replace("\t", "\\t")
