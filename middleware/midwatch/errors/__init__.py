"""Every unhandled exception once: fingerprinted, described, and answered for where nobody else does."""

from .fingerprint import fingerprint
from .outside import capture
from .report import ErrorReport

__all__ = ["ErrorReport", "capture", "fingerprint"]
