"""Values of options that several commands take."""

from __future__ import annotations

import argparse
import re
from time import time_ns
from typing import Final

from ..picture import lenient

__all__ = ["count", "moment"]

SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

_span: Final = re.compile(r"([0-9]{1,6})([smhdw])").fullmatch


def count(text: str) -> int:
    """A number from 1."""
    if not text.isdecimal() or not text.isascii() or not int(text[:9]):
        raise argparse.ArgumentTypeError(f"expected a number from 1, got {text[:40]!r}")
    return int(text[:9])


def moment(text: str) -> int:
    """Nanoseconds since the epoch, of an age or of a time in RFC 3339."""
    age = _span(text)
    if age is not None:
        return max(time_ns() - int(age[1]) * SECONDS[age[2]] * 1_000_000_000, 1)
    time = lenient.time(text)
    if not time:
        raise argparse.ArgumentTypeError(f"expected an age such as 90s, 15m, 1h or 2d, or a time, got {text[:40]!r}")
    return time
