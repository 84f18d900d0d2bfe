"""
rsyslog and syslog-ng, from Debian's packages; installed, each of them would exclude the other.

    python -m tests.live.fetch_syslog

Exit status: 0 they are there, 1 one of them is not, and stderr says why.
"""

from __future__ import annotations

import sys

from .debian import MissingError, Program, Unpacked

__all__ = ["MissingError", "environment", "libraries", "program"]

RSYSLOG = ("rsyslog", "rsyslog-gnutls", "libestr0", "libfastjson4", "liblognorm5")
"""
TLS is GnuTLS: the OpenSSL driver closes each descriptor twice (rsyslog #6375), so that lines end up in sockets and are
lost, above all after a restart.
"""

SYSLOG_NG = ("syslog-ng-core", "libglib2.0-0", "libivykis0", "libjson-c5", "libnet1", "libpcre3", "libwrap0")

_servers = Unpacked(
    "syslog",
    "fetch_syslog",
    {
        "rsyslog": Program("usr/sbin/rsyslogd", RSYSLOG, "-v", "usr/lib/rsyslog"),
        "syslog-ng": Program("usr/sbin/syslog-ng", SYSLOG_NG, libraries="usr/lib/syslog-ng"),
    },
)
environment, libraries, program = _servers.environment, _servers.libraries, _servers.program

if __name__ == "__main__":
    sys.exit(_servers.main())
