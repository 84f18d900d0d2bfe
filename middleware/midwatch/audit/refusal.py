"""The answer to a request that somebody asked to be strict about, and that cannot be recorded."""

from __future__ import annotations

from typing import Final

from ..answers import Reply

__all__ = ["REFUSAL"]

REFUSAL: Final = Reply(
    503,
    b'{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"The request cannot be recorded."}',
    media_type="application/problem+json",
    headers={"retry-after": "10", "cache-control": "no-store"},
)
"""The answer where somebody asked to be strict (RFC 9457)."""
