"""Request counts and latencies per route, what is under way, and figures of the process, for Prometheus."""

from .application import counter, gauge, histogram
from .latency import LatencyMetrics

__all__ = ["LatencyMetrics", "counter", "gauge", "histogram"]
