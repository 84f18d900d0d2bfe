"""W3C Trace Context: `traceparent` and `tracestate` (https://www.w3.org/TR/trace-context-2/)."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RANDOM", "SAMPLED", "clean_tracestate", "is_traceparent", "new_span_id", "new_trace_id"]

SAMPLED: Final = 0x01
RANDOM: Final = 0x02
"""The right-most seven bytes of the trace id are random (level 2)."""

is_traceparent: Final = re.compile(
    r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
    # A later version: same prefix, and nothing or a dash behind it (section 4.1). A comma joins two of them.
    r"|(?!00|ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[^,]*)?"
).fullmatch
"""Whether a header value, stripped of white space, is one. Trace id, parent id and flags are then at 3, 36 and 53."""

MAX_MEMBERS: Final = 32
MAX_LENGTH: Final = 512
LONG_MEMBER: Final = 128

_is_member: Final = re.compile(
    r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
).fullmatch


def new_trace_id() -> str:
    """32 lower-case hexadecimal digits, random, never all zero."""
    return new_span_id() + new_span_id()


def new_span_id() -> str:
    """16 lower-case hexadecimal digits, random, never all zero."""
    for span_id in _ids:
        return span_id
    _refill()
    return new_span_id()


_ids: Iterator[str] = iter(())


def _refill() -> None:
    """Make ids by the hundred: one at a time, asking for randomness and formatting it costs ten times as much."""
    global _ids  # noqa: PLW0603 - an iterator is what threads can share without a lock
    digits = os.urandom(8 * 256).hex()
    ids = (digits[start : start + 16] for start in range(0, len(digits), 16))
    _ids = iter([span_id for span_id in ids if span_id != "0" * 16])


os.register_at_fork(after_in_child=_refill)


def clean_tracestate(value: str, most: int = MAX_LENGTH) -> str:
    """
    The members of a `tracestate` (all its lines joined) that are worth sending on, in their order.

    A malformed member, a key that comes twice or more than 32 members make the whole list worthless, as section 3.3.1.3
    allows and W3C's own test suite asks. Longer than *most* characters, it loses members of over 128 first, then from
    the right.
    """
    if not value:
        return ""
    members = [member.strip(" \t") for member in value.split(",", 4 * MAX_MEMBERS)]
    members = [member for member in members if member]
    keys = {member.partition("=")[0] for member in members}
    if len(members) > MAX_MEMBERS or len(keys) != len(members) or not all(map(_is_member, members)):
        return ""
    if _length(members) > most:
        for member in [m for m in members if len(m) > LONG_MEMBER]:
            members.remove(member)
            if _length(members) <= most:
                break
    while _length(members) > most:
        members.pop()
    return ",".join(members)


def _length(members: list[str]) -> int:
    return sum(map(len, members)) + max(0, len(members) - 1)
