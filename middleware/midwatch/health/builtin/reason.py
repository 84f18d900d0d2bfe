"""Why a built-in check fails, in phrases of our own: what libraries say holds hosts, users and passwords."""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
from typing import Final

from urllib3.exceptions import HTTPError

from ..result import Failed, Result

__all__ = ["Finding", "failed", "why"]

NAMES: Final = {
    socket.EAI_NONAME: "the name is not known",
    socket.EAI_AGAIN: "the name cannot be looked up now",
}

OTHER_NAME: Final = frozenset({62, 63, 64})
"""X509_V_ERR_HOSTNAME_MISMATCH and its like: what OpenSSL says of them holds the name."""

_is_constant: Final = re.compile(r"[A-Z0-9_]{1,60}").fullmatch


class Finding(Exception):  # noqa: N818 - says what is found
    """What is wrong, as it may be shown to clients."""


def failed(error: BaseException, output: str) -> Result:
    """A failure that is shown as *output*; the log has the *error* too, unless that says it all."""
    return Result("fail", output) if isinstance(error, Finding) else Failed.by(error, output)


def why(error: BaseException) -> str:
    """What is to be said of *error*: never its message."""
    while isinstance(error, HTTPError):
        cause = getattr(error, "reason", None) or error.__cause__ or error.__context__
        if not isinstance(cause, HTTPError | OSError | http.client.HTTPException):
            break
        error = cause
    if isinstance(error, Finding):
        return str(error)
    if isinstance(error, socket.gaierror):
        return NAMES.get(error.errno or 0, "the name cannot be looked up")
    if isinstance(error, ssl.SSLError):
        return _of_tls(error)
    if isinstance(error, UnicodeError):
        return "no such name can be"
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return "timed out"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return type(error).__name__


def _of_tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in OTHER_NAME:
            return "the certificate is for another name"
        return f"the certificate is not trusted: {error.verify_message}"
    reason = error.reason or ""
    return f"TLS: {reason}" if _is_constant(reason) else "TLS failed"
