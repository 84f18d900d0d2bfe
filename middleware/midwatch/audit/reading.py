"""
The record of reading: who looks at the trail leaves an event in it, before anything is shown.

Reading fails closed: what cannot be recorded is not read, unless whoever asks says that it may be, as with a copy on
a read-only disk.
"""

from __future__ import annotations

import os
import pwd
from importlib.metadata import version
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from ..service import Service
from .canonical import Copy
from .event import service_part, utc
from .stores.store import StoreError
from .witness import witness

if TYPE_CHECKING:
    from collections.abc import Callable

    from .stores.store import Filter, Store

__all__ = ["Unrecorded", "operator", "record"]

DEADLINE: Final = 10.0
"""Seconds until reading is refused because the store does not take the record."""


class Unrecorded(Exception):  # noqa: N818 - says what happened
    """The store did not take the record."""


def operator() -> str:
    """Who runs this process, as the operating system says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def record(
    store: Store,
    action: str,
    wanted: Filter,
    *,
    command: str,
    more: dict[str, Any] | None = None,
    clock: Callable[[], int] = time_ns,
) -> None:
    """
    Leave an event of *action* in *store*, which is opened for it and closed again.

    Args:
        action: Such as `audit.read`.
        wanted: What is asked for; `filter` of the event.
        command: What asks.
        more: Further keys of the event.
        clock: Nanoseconds since the epoch.

    Raises:
        Unrecorded: it is not there, and why.
    """
    copy = Copy()
    said = {
        "actor": {"auth": "os", "id": copy.text("actor", operator(), 256), "type": "operator", "verified": True},
        "filter": _asked(copy, wanted),
        "command": copy.text("command", command, 64),
    } | (more or {})
    service = service_part(Service("midwatch", version("midwatch")), os.uname().nodename)
    try:
        store.open()
        with witness(store, service, DEADLINE, clock) as told:
            told(action, said)
    except StoreError as error:
        raise Unrecorded(str(error)) from None


def _asked(copy: Copy, wanted: Filter) -> dict[str, str]:
    return {
        name: utc(value) if isinstance(value, int) else copy.text("filter", value)
        for name, value in wanted._asdict().items()
        if value is not None
    }
