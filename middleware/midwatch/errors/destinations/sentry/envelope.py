"""
What is posted to a tracker: a line of JSON about the whole, then items, each a line about it and its bytes.

https://develop.sentry.dev/sdk/data-model/envelopes/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["envelope"]

_encode = msgspec.json.Encoder().encode


def envelope(headers: Mapping[str, Any], items: Iterable[tuple[str, bytes]]) -> bytes:
    """
    The bytes of an envelope.

    Args:
        headers: Of the whole.
        items: Type and payload of each.
    """
    lines = [_encode(headers)]
    for kind, payload in items:
        lines += [_encode({"type": kind, "length": len(payload)}), payload]
    return b"\n".join([*lines, b""])
