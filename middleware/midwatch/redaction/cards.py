"""Numbers of payment cards in text (ISO/IEC 7812), told from other long numbers."""

from __future__ import annotations

import re
from typing import Final

from .mask import MASK

__all__ = ["is_card", "mask_cards"]

# Not within a word, an id in hexadecimal, a UUID or a fraction; and never tried again within the same digits.
_run: Final = re.compile(r"(?<![A-Za-z0-9_])(?<![0-9][ .-])[0-9](?:[ -]?[0-9]){12,}+")
_maybe: Final = re.compile(r"[0-9][0-9 -]{12}").search

_grouped: Final = re.compile(
    r"(?<![0-9])(?:[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{1,7}|[0-9]{4}[ -][0-9]{6}[ -][0-9]{4,5}|[0-9]{13,19})"
    r"(?![0-9])"
)

# What no brand issues is an id, a time or a balance, even where its check digit is right, as one in ten is.
_is_issued: Final = re.compile(
    r"4[0-9]{12}(?:[0-9]{3}){0,2}"  # Visa
    r"|(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"  # Mastercard
    r"|3[47][0-9]{13}"  # American Express
    r"|3(?:0[0-59]|[689][0-9])[0-9]{11}"  # Diners Club
    r"|35(?:2[89]|[3-8][0-9])[0-9]{12}"  # JCB
    r"|6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12}(?:[0-9]{3})?"  # Discover
    r"|62[0-9]{14,17}|(?:50|5[6-8]|6[37])[0-9]{11,17}"  # UnionPay, Maestro
).fullmatch

_doubled: Final = str.maketrans("0123456789", "0246813579")


def is_card(digits: str) -> bool:
    """Whether *digits* are the number of a card: of a brand, of its length, with the right check digit (Luhn)."""
    if _is_issued(digits) is None:
        return False
    return (sum(map(int, digits[::-2])) + sum(map(int, digits[-2::-2].translate(_doubled)))) % 10 == 0


def mask_cards(text: str) -> str:
    """*text* with the numbers of cards masked, also those in groups with spaces or dashes between them."""
    return text if _maybe(text) is None else _run.sub(_masked_run, text)


def _masked_run(found: re.Match[str]) -> str:
    run = found[0]
    after = found.string[found.end() : found.end() + 1]
    rest = ""
    if after.isalpha() or after == "_":
        # The last group goes on as a word.
        start = max(run.rfind(" "), run.rfind("-")) + 1
        run, rest = run[:start], run[start:]
    digits = run.replace(" ", "").replace("-", "") if len(run) < 40 else run
    if is_card(digits):
        return MASK + rest
    return run + rest if digits == run and len(run) > 19 and run.isdigit() else _grouped.sub(_masked_group, run) + rest


def _masked_group(found: re.Match[str]) -> str:
    return MASK if is_card(found[0].replace(" ", "").replace("-", "")) else found[0]
