"""`HealthCheck`: liveness, readiness and startup of the service, told to orchestrators and load balancers."""

from .checks import Check
from .drain import Drain
from .endpoint import HealthCheck
from .result import Result, Status

__all__ = ["Check", "Drain", "HealthCheck", "Result", "Status"]
