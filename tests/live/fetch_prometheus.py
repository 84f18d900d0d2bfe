"""
Prometheus, promtool and the blackbox exporter, from Debian's packages.

    python -m tests.live.fetch_prometheus

Exit status: 0 they are there, 1 one of them is not, and stderr says why.
"""

from __future__ import annotations

import sys

from .debian import MissingError, Program, Unpacked

__all__ = ["MissingError", "program"]

BLACKBOX = "prometheus-blackbox-exporter"

_programs = Unpacked(
    "prometheus",
    "fetch_prometheus",
    {
        "prometheus": Program("usr/bin/prometheus", ("prometheus",)),
        "promtool": Program("usr/bin/promtool", ("prometheus",)),
        "blackbox": Program(f"usr/bin/{BLACKBOX}", (BLACKBOX,)),
    },
)
program = _programs.program

if __name__ == "__main__":
    sys.exit(_programs.main())
