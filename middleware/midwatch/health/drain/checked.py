"""What the settings give, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...proxies import Networks

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LONGEST", "checked_delay", "checked_networks", "checked_path", "delay_of"]

LONGEST: Final = 3600.0
"""Seconds that a drain may take."""


def checked_delay(place: str, value: float) -> float:
    """
    *value* as the seconds of a drain.

    Raises:
        ValueError: no number from 0 to `LONGEST`.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST:
        raise ValueError(f"{place}: {value!r} is not a number of seconds from 0 to {LONGEST:g}")
    return float(value)


def delay_of(text: str) -> float | None:
    """The seconds that a client asks for; None where it asks for none that could be."""
    try:
        return checked_delay("seconds", float(text)) if len(text) <= 32 and text.isascii() else None
    except ValueError:
        return None


def checked_path(path: str) -> str:
    """
    *path* without its last slash.

    Raises:
        ValueError: no path below the root.
    """
    if not path.startswith("/") or not path.isprintable() or set(path) & set("?# ") or not path.strip("/"):
        raise ValueError(f"Drain.path: {path!r} is not a path such as '/health/drain'")
    return path.rstrip("/")


def checked_networks(allow: Iterable[str]) -> Networks:
    """
    Who may drain.

    Raises:
        ValueError: something that is no network.
    """
    if isinstance(allow, str):
        raise ValueError(f"Drain.allow: a list is needed, as in [{allow!r}]")  # noqa: TRY004
    try:
        return Networks(allow)
    except ValueError as error:
        raise ValueError(f"Drain.allow: {error}") from error
