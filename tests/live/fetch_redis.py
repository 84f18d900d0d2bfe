"""
Redis, from Debian's packages.

    python -m tests.live.fetch_redis

Exit status: 0 it is there, 1 it is not, and stderr says why.
"""

from __future__ import annotations

import sys

from .debian import MissingError, Program, Unpacked

__all__ = ["REDIS", "MissingError", "environment", "program"]

REDIS = "redis"

PACKAGES = ("redis-server", "redis-tools", "libatomic1", "libjemalloc2", "liblzf1")

_server = Unpacked("redis", "fetch_redis", {REDIS: Program("usr/bin/redis-server", PACKAGES)})
environment, program = _server.environment, _server.program

if __name__ == "__main__":
    sys.exit(_server.main())
