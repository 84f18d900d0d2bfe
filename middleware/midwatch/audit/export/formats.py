"""Which name stands for which format."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeAlias

from .cadf import cadf
from .cells import write_csv
from .objects import write_bodies, write_objects
from .ocsf import ocsf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .opened import Event

__all__ = ["FORMATS", "Writes", "exporter"]

Writes: TypeAlias = "Callable[[Iterable[Event], BinaryIO], int]"
"""Writes events, and says how many there were."""

FORMATS: Final = ("jsonl", "csv", "parquet", "ocsf", "cadf")


def exporter(name: str) -> Writes:
    """
    What writes the format *name*.

    Raises:
        ValueError: there is no such format, or what it needs is not installed.
    """
    if name == "parquet":
        if find_spec("pyarrow") is None:
            raise ValueError("parquet needs pyarrow: pip install pyarrow")
        from .parquet import write_parquet  # noqa: PLC0415 - only who asks for it has it

        return write_parquet
    plain: dict[str, Writes] = {
        "jsonl": write_bodies,
        "csv": write_csv,
        "ocsf": _objects(ocsf),
        "cadf": _objects(cadf),
    }
    if name not in plain:
        raise ValueError(f"no such format; known are {', '.join(FORMATS)}")
    return plain[name]


def _objects(mapped: Callable[[Event], dict[str, Any]]) -> Writes:
    def write(events: Iterable[Event], out: BinaryIO) -> int:
        return write_objects(map(mapped, events), out)

    return write
