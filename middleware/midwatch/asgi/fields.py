"""Header lines as ASGI has them: pairs of bytes."""

from __future__ import annotations

__all__ = ["fold", "named"]

_names: dict[str, bytes] = {}
"""Header names as ASGI has them; filled by the names that code asks for."""


def named(name: str) -> bytes:
    """*name* in bytes, made once."""
    known = _names.get(name)
    if known is not None:
        return known
    _names[name] = name.lower().encode()
    return _names[name]


def fold(lines: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Header lines as a dict; those of one name joined by a comma, in order (RFC 9110 section 5.3)."""
    folded = dict(lines)
    if len(folded) == len(lines):
        return folded
    several: dict[bytes, list[bytes]] = {}
    for name, value in lines:
        several.setdefault(name, []).append(value)
    return {name: b", ".join(values) for name, values in several.items()}
