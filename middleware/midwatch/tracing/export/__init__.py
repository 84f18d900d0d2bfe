"""Where finished spans go, and how they are said there."""

from .destinations import Export, check_destination, exporter, finished_spans

__all__ = ["Export", "check_destination", "exporter", "finished_spans"]
