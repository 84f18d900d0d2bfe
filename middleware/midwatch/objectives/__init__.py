"""Service level objectives: how well the service answers, how fast its error budgets burn, and alerts of both."""

from .objective import Counted, Objective
from .objectives import Objectives

__all__ = ["Counted", "Objective", "Objectives"]
