"""Figures that the workers of a service share: files in a directory, one for each process that counts."""

from .layout import Cells
from .places import default_directory, shared_directory, workers_hint
from .reading import Reading, Worker
from .slot import Slot

__all__ = ["Cells", "Reading", "Slot", "Worker", "default_directory", "shared_directory", "workers_hint"]
