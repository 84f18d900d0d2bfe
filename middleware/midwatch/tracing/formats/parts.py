"""Ids and decisions, as the formats older than W3C's write them."""

from __future__ import annotations

from typing import Final

from .format import Incoming

__all__ = ["DECISIONS", "continued", "decided", "padded"]

TRACE_ID: Final = 32
SPAN_ID: Final = 16
"""Digits of an id."""

DECISIONS: Final = {"1": True, "0": False, "true": True, "false": False}
"""Sampling decisions; whatever is not among them leaves the decision to us."""


def padded(digits: str, width: int) -> str | None:
    """Hexadecimal *digits* as W3C writes an id of that *width*; None if it is zero, which means "no id"."""
    return digits.lower().rjust(width, "0") if digits.strip("0") else None


def continued(trace_digits: str, span_digits: str, sampled: bool | None, debug: bool = False) -> Incoming | None:
    """A trace to continue below a span; None if an id is zero. Nobody says how random these ids are."""
    trace_id, span_id = padded(trace_digits, TRACE_ID), padded(span_digits, SPAN_ID)
    if trace_id is None or span_id is None:
        return None
    return Incoming(trace_id, span_id, sampled, debug=debug)


def decided(sampled: bool | None, debug: bool = False) -> Incoming | None:
    """A decision without a trace; None if there is none."""
    return None if sampled is None else Incoming(sampled=sampled, debug=debug)
