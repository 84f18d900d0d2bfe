"""Telling service registries that an instance is here, draining, and gone."""

from .plugin import Registrations
from .registration import Registration
from .registry import registry

__all__ = ["Registration", "Registrations", "registry"]
