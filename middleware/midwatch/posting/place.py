"""Where an HTTP server is, as a URL of the settings says."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from urllib.parse import SplitResult

__all__ = ["Place", "place_of"]


class Place(NamedTuple):
    """
    A URL, taken apart.

    Attributes:
        parts: As `urlsplit` has them; credentials may be among them.
        host: Without brackets.
        port: None where the URL has none.
        netloc: Host and port, without credentials.
    """

    parts: SplitResult
    host: str
    port: int | None
    netloc: str

    @property
    def authorization(self) -> dict[str, str]:
        """The header that its user information becomes (RFC 7617); none without."""
        if self.parts.username is None:
            return {}
        user = f"{unquote(self.parts.username)}:{unquote(self.parts.password or '')}"
        return {"authorization": f"Basic {b64encode(user.encode('utf-8', 'replace')).decode()}"}


def place_of(url: str, expected: str) -> Place:
    """
    *url*, if it has a host and nothing that no URL has.

    Args:
        url: With a scheme.
        expected: The message where it is none.

    Raises:
        ValueError: *expected*; the message holds nothing of the URL.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host = ""  # The error would show what was taken for the port, which may be of a password.
    if not host or not url.isprintable() or " " in url:
        raise ValueError(expected)
    shown = f"[{host}]" if ":" in host else host
    return Place(parts, host, port, shown if port is None else f"{shown}:{port}")
