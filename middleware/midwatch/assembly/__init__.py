"""From settings to the plugins that they ask for."""

from .assembly import Assembly
from .unusable import Unusable

__all__ = ["Assembly", "Unusable"]
