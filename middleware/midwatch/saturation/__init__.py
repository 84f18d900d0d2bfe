"""Saturation: how near to its limits this service is, and what follows from it."""

from .agent import AgentPort
from .lag import LoopWatch
from .pool import Pool, Pools
from .score import Saturation
from .shedding import Shedding
from .watch import SaturationWatch

__all__ = ["AgentPort", "LoopWatch", "Pool", "Pools", "Saturation", "SaturationWatch", "Shedding"]
