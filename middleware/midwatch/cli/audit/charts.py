"""Charts of characters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...picture.bar import EIGHTHS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...picture.screen import Screen

__all__ = ["bar", "sparkline", "week"]

RISING: Final = "▁▂▃▄▅▆▇█"

ASCII: Final = "_.-=+*%#"
"""The same where the encoding has no blocks."""

SHADES: Final = " ░▒▓█"

ASCII_SHADES: Final = " .:+#"

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def bar(value: int, most: int, width: int, screen: Screen) -> str:
    """*value* of *most* in *width* columns; never invisible unless it is nothing."""
    if value <= 0 or most <= 0:
        return ""
    if not screen.blocks:
        return "#" * max(1, round(value * width / most))
    full, part = divmod(max(1, round(value * width * 8 / most)), 8)
    return "█" * full + (EIGHTHS[part] if part else "")


def sparkline(values: Sequence[int], width: int, screen: Screen) -> str:
    """The last *width* of *values*, each one column; nothing is blank, and the least there is can be seen."""
    shown = list(values)[-width:] if width > 0 else []
    most = max(shown, default=0)
    levels = RISING if screen.blocks else ASCII
    return "".join(" " if value <= 0 else levels[(value * len(levels) - 1) // most] for value in shown)


def week(hours: Sequence[int], screen: Screen) -> list[str]:
    """168 hours from Monday 00:00 on, a line for each day."""
    shades = SHADES if screen.blocks else ASCII_SHADES
    most = max(hours, default=0)
    steps = len(shades) - 1
    lines = ["     " + "".join(f"{hour:02}  " for hour in range(0, 24, 2)).rstrip()]
    for day, name in enumerate(DAYS):
        cells = (hours[day * 24 + hour] for hour in range(24))
        lines.append(f"{name}  " + "".join(2 * shades[-(-cell * steps // most) if most else 0] for cell in cells))
    return lines
