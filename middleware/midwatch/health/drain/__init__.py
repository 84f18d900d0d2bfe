"""Ending without lost requests: say that no more should come, and serve those that come all the same, for a while."""

from .drain import Drain

__all__ = ["Drain"]
