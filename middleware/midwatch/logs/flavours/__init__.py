"""
How the fields of a line are called, and in which units they are told.

Inside, a line has the names of OpenTelemetry, and seconds. `otel` leaves it so; the others translate the finished line
for who reads it: Elastic (`ecs`), Google Cloud Logging (`gcp`), Datadog (`datadog`). What a flavour has no name for
keeps its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from .datadog import datadog
from .ecs import ecs
from .gcp import gcp

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FLAVOURS", "Flavour", "flavour", "translated"]

Flavour: TypeAlias = "Callable[[dict[str, Any]], dict[str, Any]]"
"""Translates the fields of one line; may take them apart."""


def translated(flavour: Flavour, fields: dict[str, Any]) -> dict[str, Any]:
    """*fields* by *flavour*; by our own names where an application has put something else into one that it reads."""
    try:
        return flavour(dict(fields))
    except Exception:
        return fields


FLAVOURS = ("otel", "ecs", "gcp", "datadog")


def flavour(name: str, project: str | None = None) -> Flavour | None:
    """
    The translation called *name*; None for `otel`, which needs none.

    Args:
        name: One of `FLAVOURS`.
        project: Of Google Cloud, for `gcp`.

    Raises:
        ValueError: another name.
    """
    if name == "otel":
        return None
    if name == "gcp":
        return gcp(project)
    try:
        return {"ecs": ecs, "datadog": datadog}[name]
    except KeyError:
        raise ValueError(f"fields: {name!r} is none of {', '.join(FLAVOURS)}") from None
