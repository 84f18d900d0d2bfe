"""What stands where a secret was, and what never is one."""

from __future__ import annotations

from typing import Final

__all__ = ["CUT", "HARMLESS", "HEADER_MASK", "MASK", "QUERY_MASK"]

MASK: Final = "[redacted]"
"""In text, and in place of the value of a field."""

HEADER_MASK: Final = "[REDACTED]"
"""As OpenTelemetry's instrumentations of HTTP servers have it."""

QUERY_MASK: Final = "REDACTED"
"""As the semantic conventions have it for `url.query`."""

CUT: Final = "…"

HARMLESS: Final = 11
"""Characters from which on letters and digits alone may be a secret by their form."""
