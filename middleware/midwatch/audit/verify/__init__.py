"""
Whether a trail is as it was written.

`verify` looks at lines: the chains in them, and nothing else. `verify_store` judges a store, with its checkpoints and
whatever was published of them elsewhere.
"""

from .lines import verify
from .report import Problem, Report, Stream
from .store import verify_store
from .verdict import Finding, Verdict

__all__ = ["Finding", "Problem", "Report", "Stream", "Verdict", "verify", "verify_store"]
