"""What a destination answers, within limits, and what it means by that."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from time import time
from typing import TYPE_CHECKING, Final

from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

__all__ = ["BUSY", "pause_of", "printable", "read_answer"]

MOST_READ: Final = 4 << 20
"""Bytes of an answer that are read; the rest is left, and the connection with it."""

PIECE: Final = 64 << 10

SHOWN: Final = 200
"""Characters of an answer that a message shows."""

BUSY: Final = frozenset({429, 502, 503, 504})
"""Answers after which the same request may be sent again (OTLP/HTTP, "Failures")."""

DAY: Final = 86_400.0

_seconds: Final = re.compile(r"[0-9]{1,9}").fullmatch


def read_answer(response: BaseHTTPResponse) -> bytes:
    """The body, as much of it as is wanted, and comes."""
    answer = b""
    try:
        while len(answer) < MOST_READ:
            piece = response.read(min(PIECE, MOST_READ - len(answer)))
            if not piece:
                return answer
            answer += piece
    except (HTTPError, OSError):
        pass  # The status has come, and counts.
    response.close()
    return answer


def printable(answer: bytes) -> str:
    """Its beginning, as a message may show it."""
    text = " ".join(answer[: 8 * SHOWN].decode("utf-8", "replace").split())[:SHOWN]
    return "".join(character if character.isprintable() else "?" for character in text)


def pause_of(told: str) -> float:
    """Seconds by a `Retry-After` header (RFC 9110, section 10.2.3); 0 if it says nothing that can be meant."""
    if _seconds(told.strip()):
        seconds = float(told)
    else:
        try:
            seconds = parsedate_to_datetime(told).timestamp() - time()
        except (ValueError, TypeError, OverflowError, IndexError):
            return 0.0
    return seconds if 0 <= seconds <= DAY else 0.0
