"""The timestamp of every line."""

from __future__ import annotations

from time import gmtime, strftime

__all__ = ["rfc3339"]

_latest: tuple[int, str] = (0, "1970-01-01T00:00:00.")


def rfc3339(seconds: float) -> str:
    """*seconds* since the epoch as RFC 3339, UTC, microseconds."""
    global _latest  # noqa: PLW0603 - the text of a second serves every line of it
    second = int(seconds)
    known, text = _latest
    if second != known:
        text = strftime("%Y-%m-%dT%H:%M:%S.", gmtime(second))
        _latest = (second, text)
    return f"{text}{int((seconds - second) * 1e6):06d}Z"
