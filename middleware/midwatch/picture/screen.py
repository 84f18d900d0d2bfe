"""What a picture is drawn on: how wide it is, and what can be seen there."""

from __future__ import annotations

from typing import Final, NamedTuple

from .bar import EIGHTHS
from .words import clean

__all__ = ["Screen", "colour_of", "kind_of_trouble"]

DRAWN: Final = f"{EIGHTHS}▐▕▒┊├└│×·µ…✗⋯"

ASCII: Final = str.maketrans({"µ": "u", "×": "x", "…": "...", "✗": "!", "·": "-", "⋯": "+"})


class Screen(NamedTuple):
    """
    What is written to.

    Attributes:
        width: Columns.
        colour: Whether it shows colours.
        encoding: Of the stream; where it has no block characters, ASCII has to do.
    """

    width: int = 100
    colour: bool = False
    encoding: str = "utf-8"

    @property
    def blocks(self) -> bool:
        """Whether the encoding has all that the picture is made of."""
        try:
            DRAWN.encode(self.encoding)
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def plain(self, text: str) -> str:
        """*text* of ours in what the encoding has."""
        return text if self.blocks else text.translate(ASCII)

    def ink(self, code: str, text: str) -> str:
        """*text* in a colour."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and code and text.strip() else text

    def clean(self, text: str) -> str:
        """*text* of strangers: nothing that acts, and nothing that the encoding does not have."""
        text = clean(text)
        try:
            return text.encode(self.encoding, "replace").decode(self.encoding)
        except LookupError:
            return text.encode("ascii", "replace").decode()


def kind_of_trouble(outcome: str) -> str:
    """`error`, `warn`, or nothing: success has no mark."""
    return "" if outcome == "ok" else "error" if outcome == "error" else "warn"


def colour_of(outcome: str) -> str:
    """The code of the colour of that."""
    return {"": "", "error": "31", "warn": "33"}[kind_of_trouble(outcome)]
