"""
One conversation with a mail server: in time, over TLS where it has to be, and as `smtplib` knows it.

A server that says no for now (4xx, RFC 5321 section 4.2.1) is asked again later; one that says no for good (5xx), or
cannot do what has to be done, refuses.
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import threading
from contextlib import contextmanager
from smtplib import SMTP
from typing import TYPE_CHECKING, Final, NamedTuple

from ....delivery import Later, Refused
from ....destinations.reach import stream_to
from ....posting.answer import printable
from .terms import AGAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ....destinations.address import Address

__all__ = ["Security", "meaning", "session"]

LONGEST: Final = 6
"""Times the timeout of one answer that all of a conversation may take: a server may send one octet at a time."""


class Security(NamedTuple):
    """
    Where TLS begins, and whether the server has to show who it is.

    A password is only for the server that it belongs to. Without one, TLS that anybody may have answered is better than
    none (RFC 7435).
    """

    implicit: bool
    starttls: bool
    required: bool
    checked: bool

    @classmethod
    def of(cls, address: Address) -> Security:
        """As the URL says."""
        told = address.options.get("starttls")
        implicit = address.scheme == "smtps"
        required = told == "required" or (address.password is not None and told != "no")
        named = address.tls is not None and any(address.tls)
        return cls(implicit, not implicit and told != "no", required and not implicit, implicit or required or named)

    def context(self, address: Address) -> ssl.SSLContext:
        """
        What TLS begins with.

        Raises:
            ValueError: files that cannot be read.
        """
        if self.checked and address.tls is not None:
            return address.tls.context()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context


@contextmanager
def session(address: Address, security: Security, context: ssl.SSLContext) -> Iterator[SMTP]:
    """
    A server that has greeted us and knows us.

    Raises:
        Refused, Later: the server says so.
        OSError: there is no such server, or it does not answer in time.
    """
    timeout = address.options["timeout"]
    try:
        with stream_to(address, timeout, None) as sock, _ends_in_time(sock, LONGEST * timeout):
            smtp = SMTP(local_hostname=_literal(sock), timeout=timeout)
            smtp.sock = _secured(sock, address, context) if security.implicit else sock
            try:
                _expect(220, *smtp.getreply())
                smtp.ehlo_or_helo_if_needed()
                _start_tls(smtp, address, security, context)
                if address.user is not None and address.password is not None:
                    smtp.login(address.user, address.password)
                yield smtp
                with contextlib.suppress(OSError):  # All is said.
                    smtp.quit()
            finally:
                smtp.close()
    except smtplib.SMTPException as error:
        raise meaning(error, address.name) from None


@contextmanager
def _ends_in_time(sock: socket.socket, longest: float) -> Iterator[None]:
    # A second name for the connection: TLS takes the first one over.
    with sock.dup() as same:

        def end() -> None:
            with contextlib.suppress(OSError):
                same.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(longest, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _start_tls(smtp: SMTP, address: Address, security: Security, context: ssl.SSLContext) -> None:
    if not security.starttls:
        return
    if not smtp.has_extn("starttls"):
        if security.required:
            raise Refused(f"{address.name}: the server offers no STARTTLS; starttls=no in the URL does without")
        return
    _expect(220, *smtp.docmd("STARTTLS"))
    plain = smtp.sock
    if plain is None or smtp.file is None:
        raise ConnectionError("not connected")
    # What came before TLS counts for nothing (RFC 3207 section 4.2).
    smtp.file.close()
    smtp.file = None
    smtp.helo_resp = smtp.ehlo_resp = None
    smtp.esmtp_features = {}
    smtp.sock = _secured(plain, address, context)
    smtp.ehlo_or_helo_if_needed()


def _secured(sock: socket.socket, address: Address, context: ssl.SSLContext) -> ssl.SSLSocket:
    name = None if address.tls is None else address.tls.servername
    return context.wrap_socket(sock, server_hostname=name or address.host)


def _literal(sock: socket.socket) -> str:
    """Who we are, without asking a name server that may not answer (RFC 5321 section 4.1.4)."""
    host = str(sock.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{host}]" if ":" in host else f"[{host}]"


def _expect(code: int, answered: int, said: bytes) -> None:
    if answered != code:
        raise smtplib.SMTPResponseException(answered, said)


def meaning(error: smtplib.SMTPException, name: str) -> Exception:
    """What to raise for it: said of *name*, and without what is secret."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        said = f"{name}: {error.smtp_code} to user and password"  # What it says may quote them.
        return Later(AGAIN, said) if error.smtp_code < 500 else Refused(said)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        said = f"{name}: {', '.join(sorted({str(code) for code in codes}))} to the recipients"
        return Later(AGAIN, said) if any(code < 500 for code in codes) else Refused(said)
    if isinstance(error, smtplib.SMTPResponseException):
        answer = error.smtp_error if isinstance(error.smtp_error, bytes) else error.smtp_error.encode()
        said = f"{name}: {error.smtp_code} {printable(answer)}"
        return Refused(said) if 500 <= error.smtp_code < 600 else Later(AGAIN, said)
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return ConnectionError(f"{name}: the server hung up")
    return Refused(f"{name}: {error}")  # It lacks what we need: AUTH, or addresses beyond ASCII.
