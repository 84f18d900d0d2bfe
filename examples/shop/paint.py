"""Text on a terminal: colour where it is wanted, columns, and bars of block characters."""

import math
import os
from typing import Final, TextIO

__all__ = ["Paint", "fit", "log_bar", "milliseconds", "span_bar"]

DECADE: Final = 7
"""Columns that ten times the latency takes."""

FIRST: Final = -1
"""Power of ten, in milliseconds, at which `log_bar` starts."""


class Paint:
    """
    Colours for *stream*, if it is a terminal and `NO_COLOR` does not say otherwise (no-color.org).

    Success stays grey: what is coloured is where the eye should go.
    """

    def __init__(self, stream: TextIO) -> None:
        self._on = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._on else text

    def bold(self, text: str) -> str:
        """For headings."""
        return self._in("1", text)

    def dim(self, text: str) -> str:
        """For what is read second."""
        return self._in("2", text)

    def service(self, name: str, text: str | None = None) -> str:
        """*text* in the colour of a service; its name, in a column, unless given."""
        return self._in("36" if name == "shop" else "35", f"{name:6}" if text is None else text)

    def outcome(self, outcome: str, text: str) -> str:
        """*text* in the colour of an outcome, of a log level or of a state of health."""
        if outcome in {"error", "ERROR", "fail", "broken"}:
            return self._in("31", text)
        return self._in("33", text) if outcome in {"aborted", "denied", "failure", "WARNING", "warn"} else text


def fit(text: str, width: int) -> str:
    """*text* in exactly *width* columns."""
    return f"{text:{width}}" if len(text) <= width else f"{text[: width - 1]}…"


def milliseconds(value: float) -> str:
    """*value* in a column of ten."""
    return f"{value:7.1f} ms"


def span_bar(offset: float, length: float, width: int, fill: str) -> str:
    """A part of *width* columns that starts at *offset* and is *length* long, both shares of the whole."""
    start = min(int(offset * width), width - 1)
    end = min(max(round((offset + length) * width), start + 1), width)
    return " " * start + fill * (end - start)


def log_bar(solid: float, light: float) -> tuple[str, str]:
    """Two bars on a logarithmic scale, the second to be put behind the first; milliseconds."""
    first, second = (max(1, round((math.log10(max(value, 1e-9)) - FIRST) * DECADE)) for value in (solid, light))
    most = 4 * DECADE
    first, second = min(first, most), min(second, most)
    return "█" * first, "░" * (second - first)
