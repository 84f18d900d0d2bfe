"""What should be bytes, and in SQLite may be anything: it keeps text and numbers in any column."""

from __future__ import annotations

from typing import Any

__all__ = ["octets"]


def octets(value: Any) -> bytes | None:
    """*value* as bytes, whatever it is; None stays None."""
    if value is None or type(value) is bytes:
        return value
    return bytes(value) if isinstance(value, bytearray | memoryview) else str(value).encode("utf-8", "replace")
