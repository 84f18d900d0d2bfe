"""What an object says of itself, whatever its class does, as text that UTF-8 and a terminal can carry."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["printable", "said", "utf8"]

_escapes: Final = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (*range(9), *range(11, 32), *range(127, 160), 0x2028, 0x2029)
}


def said(value: Any) -> str:
    """`str(value)`, or which class raises what."""
    try:
        if isinstance(value, bytes | bytearray):
            return bytes(value).decode("utf-8", "backslashreplace")
        text: str = value if type(value) is str else str.__str__(str(value))
    except (Exception, SystemExit) as error:
        return f"<{_kind(value)} that raises {_kind(error)}>"
    return text


def utf8(text: str) -> str:
    """*text* without what UTF-8 cannot say."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def printable(text: str) -> str:
    """*text* with control characters escaped, except for line ends and tabulators."""
    return text if text.isprintable() else text.translate(_escapes)


_module: Final = type.__dict__["__module__"].__get__
_name: Final = type.__dict__["__qualname__"].__get__


def _kind(value: object) -> str:
    """The class of *value*, past what it says of itself."""
    kind = type(value)
    try:
        module = _module(kind)
    except AttributeError:
        module = None
    name: str = _name(kind)
    name = f"{module}.{name}" if type(module) is str and module != "builtins" else name
    return name[:256].encode("utf-8", "backslashreplace").decode()
