"""
HAProxy and nginx, from Debian's packages.

    python -m tests.live.fetch_haproxy

Exit status: 0 they are there, 1 one of them is not, and stderr says why.
"""

from __future__ import annotations

import sys

from .debian import MissingError, Program, Unpacked

__all__ = ["MissingError", "environment", "program"]

HAPROXY = ("haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1", "libpcre2-8-0")

_servers = Unpacked(
    "proxies",
    "fetch_haproxy",
    {
        "haproxy": Program("usr/sbin/haproxy", HAPROXY, version="-v"),
        "nginx": Program("usr/sbin/nginx", ("nginx",), version="-v"),
    },
)
environment, program = _servers.environment, _servers.program

if __name__ == "__main__":
    sys.exit(_servers.main())
