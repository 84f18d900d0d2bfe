"""Parquet, by pyarrow: the columns of CSV with their types."""

from __future__ import annotations

from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from .flat import NAMES, NUMBERS, flat

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .opened import Event

__all__ = ["write_parquet"]

GROUP: Final = 10_000
"""Events of a row group: what is in memory at once."""


def write_parquet(events: Iterable[Event], out: BinaryIO) -> int:
    """
    Write *events*; how many there were. `time` is a timestamp of microseconds in UTC.

    Raises:
        ImportError: there is no pyarrow.
    """
    arrow: Any = import_module("pyarrow")
    parquet: Any = import_module("pyarrow.parquet")
    schema = arrow.schema([(name, _type(arrow, name)) for name in NAMES])
    remaining = iter(events)
    count = 0
    with parquet.ParquetWriter(out, schema, compression="zstd") as file:
        while group := list(islice(remaining, GROUP)):
            file.write_table(arrow.Table.from_pylist([_row(event) for event in group], schema))
            count += len(group)
    return count


def _row(event: Event) -> dict[str, Any]:
    time = event.columns.get("time")
    row: dict[str, Any] = flat(event)
    row = {name: _text(value) if isinstance(value, str) else value for name, value in row.items()}
    return row | {"time": time // 1000 if isinstance(time, int) and time else None}


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode()


def _type(arrow: Any, name: str) -> Any:
    if name == "time":
        return arrow.timestamp("us", tz="UTC")
    if name == "actor_verified":
        return arrow.bool_()
    return arrow.int64() if name in NUMBERS else arrow.string()
