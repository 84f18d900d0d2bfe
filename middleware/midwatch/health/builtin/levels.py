"""From where on a figure is a warning, and from where on a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LEVELS", "Levels"]

LEVELS: Final = ("warn", "fail")
"""Their parameters."""


@final
class Levels:
    """
    Two levels.

    Args:
        options: What was asked for, as `warn` and `fail`.
        warn, fail: Where nothing was; what fails earlier than it would warn does not warn.
        falling: The smaller the figure, the worse.

    Raises:
        ValueError: it would never warn, though it was asked to.
    """

    def __init__(self, options: Mapping[str, Any], warn: float, fail: float, *, falling: bool = False) -> None:
        self._sign = -1.0 if falling else 1.0
        asked = options.get("warn")
        fail = options.get("fail", fail)
        if asked is not None and asked * self._sign > fail * self._sign:
            side = "below" if falling else "above"
            default = "" if "fail" in options else ", the default"
            raise ValueError(f"warn={asked:g} is {side} fail={fail:g}{default}: it would never warn")
        self._warn = (warn if asked is None else asked) * self._sign
        self._fail = fail * self._sign

    def of(self, value: float) -> str:
        """The status of *value*."""
        value *= self._sign
        return "fail" if value >= self._fail else "warn" if value >= self._warn else "pass"
