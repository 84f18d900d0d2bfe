"""Where the text of a key comes from."""

from __future__ import annotations

import os
import re
import stat
from typing import Final

__all__ = ["EXPECTED", "is_private", "is_secret", "shown", "text_of"]

LARGEST: Final = 16 << 10
"""Bytes of a file that may be a key."""

EXPECTED: Final = "expected a PEM of an Ed25519 key, or a secret of at least 64 hexadecimal digits"

is_secret: Final = re.compile("(?:[0-9a-fA-F]{2}){32,}").fullmatch
"""Whether a text is a shared secret."""


def is_private(text: str) -> bool:
    """Whether *text* is a PEM of the private half."""
    return "PRIVATE KEY" in text


def text_of(spec: str, *, private: bool = False) -> str:
    """
    What is in the file or the variable (`env:NAME`) that *spec* names.

    Args:
        private: Whether it is a secret, whatever it looks like.

    Raises:
        ValueError: nothing that could be a key, or others may read it; says nothing of what is in it.
    """
    name = spec.removeprefix("env:")
    if name == spec:
        return _read(spec, private=private)
    text = os.environ.get(name, "").strip()
    if not text:
        raise ValueError(f"env:{shown(name)}: the environment has no such variable, or it is empty")
    # Many a deployment cannot put lines into a variable.
    return text.replace("\\n", "\n")


def _read(path: str, *, private: bool) -> str:
    try:
        # O_NONBLOCK: a named pipe must not be waited for.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(fd, "rb") as file:  # noqa: PTH123 - a descriptor
            mode = os.fstat(fd).st_mode
            data = file.read(LARGEST + 1) if stat.S_ISREG(mode) else b""
    except (OSError, ValueError) as error:
        raise ValueError(f"{shown(path)}: {getattr(error, 'strerror', None) or 'not a path'}") from None
    try:
        text = data.decode("ascii").strip() if len(data) <= LARGEST else ""
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise ValueError(f"{shown(path)}: no key; {EXPECTED}")
    if mode & 0o077 and (private or is_private(text) or is_secret(text)):
        raise ValueError(f"{shown(path)}: others may read or change it; chmod 600")
    return text


def shown(spec: str) -> str:
    """*spec* for a message, unless it is the key itself that was written in place of its name."""
    return spec if 0 < len(spec) <= 256 and spec.isprintable() and not is_secret(spec.strip()) else "the key"
