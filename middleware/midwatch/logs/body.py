"""
The beginning of a request's body, in its line; off unless somebody asks.

It is seen while the application reads it, never read ahead, and never more of it kept than is shown. Only text is
shown: JSON, forms and whatever else says that it is text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, final
from urllib.parse import parse_qsl

import msgspec

from ..plugin import Plugin
from .safe import CUT

if TYPE_CHECKING:
    from ..exchange import Exchange
    from ..redaction import Redactor

__all__ = ["BodyCapture", "Head"]

TEXTUAL: Final = re.compile(
    r"\s*(?:text/[\w.+-]+|application/(?:[\w.-]+\+)?(?:json|xml|x-ndjson|graphql|x-www-form-urlencoded))\s*(?:;|\Z)",
    re.IGNORECASE,
).match
FORM: Final = re.compile(r"\s*application/x-www-form-urlencoded", re.IGNORECASE).match
JSON: Final = re.compile(r"\s*application/(?:[\w.-]+\+)?json", re.IGNORECASE).match


@final
class Head:
    """
    The first bytes of a body.

    Args:
        limit: Bytes that are kept.
        media_type: What the request says they are.
    """

    __slots__ = ("_kept", "_limit", "_media_type", "cut")

    def __init__(self, limit: int, media_type: str) -> None:
        self._kept = bytearray()
        self._limit = limit
        self._media_type = media_type
        self.cut = False

    def __call__(self, piece: bytes) -> None:
        room = self._limit - len(self._kept)
        if len(piece) > room:
            self.cut = True
            piece = piece[:room]
        self._kept += piece

    def shown(self, redactor: Redactor) -> str | None:
        """What was read, without secrets; None if nothing was."""
        if not self._kept:
            return None
        text = self._kept.decode("utf-8", "replace")
        judged = None if self.cut else self._by_name(text, redactor)
        if judged is None:
            return redactor.text(text, self._limit) + (CUT if self.cut else "")
        return judged if len(judged) <= self._limit else judged[: self._limit] + CUT

    def _by_name(self, text: str, redactor: Redactor) -> str | None:
        """A whole body, its fields judged by their names and their values; None where it is none of that kind."""
        try:
            if JSON(self._media_type):
                return msgspec.json.encode(_judged(msgspec.json.decode(text), redactor)).decode()
            if FORM(self._media_type):
                pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=1000)
                return "&".join(f"{redactor.name(name)}={redactor.field(name, value)}" for name, value in pairs)
        except (ValueError, RecursionError, msgspec.MsgspecError):
            pass
        return None


def _judged(value: Any, redactor: Redactor) -> Any:
    return redactor.fields({"": value})[""]


@final
class BodyCapture(Plugin):
    """
    Has the line of each request show what the application read of its body.

    Args:
        limit: Bytes that are shown.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def on_request(self, exchange: Exchange) -> None:
        """Watch the body, if it is text."""
        media_type = exchange.header("content-type")
        if media_type is not None and TEXTUAL(media_type) and exchange.kind == "http":
            exchange.on_body = Head(self._limit, media_type)
