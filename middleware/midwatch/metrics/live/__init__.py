"""Figures of what runs the service: process, garbage collector, tasks, container, and ourselves."""

from .figures import Live

__all__ = ["Live"]
