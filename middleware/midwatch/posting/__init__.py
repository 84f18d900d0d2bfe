"""Outgoing HTTP, as every destination behind it needs it."""

from .poster import VERSION, Poster, is_header

__all__ = ["VERSION", "Poster", "is_header"]
