"""Every unhandled exception once: fingerprinted, described, and answered for where nobody else does."""

from .fingerprint import fingerprint
from .report import ErrorReport

__all__ = ["ErrorReport", "fingerprint"]
