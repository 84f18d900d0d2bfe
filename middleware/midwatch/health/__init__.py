"""`HealthCheck`: liveness, readiness and startup of the service, told to orchestrators and load balancers."""

from .checks import Check
from .endpoint import HealthCheck
from .result import Result

__all__ = ["Check", "HealthCheck", "Result"]
