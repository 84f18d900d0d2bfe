"""Facilities and severities: the numbers in front of a message (RFC 5424 section 6.2.1)."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import Final

__all__ = ["FACILITIES", "severity_of"]

FACILITIES: Final = {
    "user": 1, "mail": 2, "daemon": 3, "auth": 4, "syslog": 5, "lpr": 6, "news": 7, "uucp": 8, "cron": 9,
    "authpriv": 10, "ftp": 11, "ntp": 12, "audit": 13, "alert": 14, "clock": 15,
    **{f"local{number}": 16 + number for number in range(8)},
}  # fmt: skip
"""By their usual names. 0 is the kernel's."""

NOTICE: Final = 5

SEVERITIES: Final = {
    "EMERGENCY": 0, "EMERG": 0, "PANIC": 0, "ALERT": 1, "CRITICAL": 2, "FATAL": 2, "ERROR": 3, "WARNING": 4, "WARN": 4,
    "NOTICE": NOTICE, "SUCCESS": 6, "INFO": 6, "DEBUG": 7, "TRACE": 7,
}  # fmt: skip
"""Of level names, also of those that applications like to add."""

AT_LEAST: Final = ((50, 2), (40, 3), (30, 4), (25, NOTICE), (20, 6))
"""Of level numbers."""

_unnamed: Final = re.compile(r"Level (\d{1,9})").fullmatch


@lru_cache(256)
def severity_of(level: str) -> int:
    """
    The severity of a logging level.

    Levels of other names go by their number. What is no level at all is a notice, as a message without a priority is to
    its receiver (RFC 3164 section 4.3.3).
    """
    known = SEVERITIES.get(level.upper())
    if known is not None:
        return known
    unnamed = _unnamed(level)
    number = int(unnamed[1]) if unnamed else logging.getLevelNamesMapping().get(level)
    if number is None:
        return NOTICE
    return next((severity for least, severity in AT_LEAST if number >= least), 7)
