"""
URLs of destinations behind a socket: what they are made of, and what is wrong with them.

Parameters of the query say how a destination is spoken to. Each scheme has its own; those of TLS are the same for all:
`ca` (a file of certificates to trust in place of the system's), `cert` and `key` (files: who we are), `servername` (the
name that the certificate has to be for, by default the host).
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from ..nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["TLS", "Address", "AddressError", "between", "flag", "one_line_of", "parameters", "seconds"]

TLS_PARAMETERS: Final = ("ca", "cert", "key", "servername")


class AddressError(ValueError):
    """A URL that cannot be meant; says what is wrong, without credentials."""


class TLS(NamedTuple):
    """How a server is trusted, and who we are: files in PEM."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    servername: str | None = None

    def context(self) -> ssl.SSLContext:
        """
        What connections are made with: certificates and names are always checked.

        Raises:
            ValueError: a file that cannot be read, or is none.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.cert is not None:
                context.load_cert_chain(self.cert, self.key)
        except OSError as error:  # ssl.SSLError is one.
            raise AddressError(f"ca={self.ca}, cert={self.cert}, key={self.key}: {error}") from None
        return context


class Address(NamedTuple):
    """
    A destination, taken apart.

    Attributes:
        name: As it may be shown: without credentials and parameters.
        host: Empty for a unix socket.
        port: 0 for a unix socket.
        path: Of the URL, decoded: a unix socket's file, or what a scheme makes of it.
        user, password: Decoded.
        options: The parameters, read.
        tls: None where the scheme has none.
    """

    name: str
    scheme: str
    host: str
    port: int
    path: str
    user: str | None
    password: str | None
    options: dict[str, Any]
    tls: TLS | None

    def __repr__(self) -> str:
        return self.name

    @classmethod
    def of(cls, url: str, port: int, known: Mapping[str, Callable[[str], Any]], *, tls: bool = False) -> Address:
        """
        What *url* names.

        Args:
            url: `scheme://user:password@host:port/path?name=value`, or `scheme:/path` for a unix socket.
            port: Where the URL names none.
            known: Parameters of this scheme; what reads one raises `ValueError` with what it expects.
            tls: Whether those of TLS are known too.

        Raises:
            AddressError: it cannot be meant.
        """
        try:
            parts = urlsplit(url)
            host, given = parts.hostname or "", parts.port
        except ValueError:
            # The error would show what was taken for the port, which may be of a password.
            raise AddressError(f"{url.partition(':')[0][:40]}: no such host or port") from None
        name = f"{parts.scheme}:{'//' if host else ''}{parts.netloc.rpartition('@')[2]}{parts.path}"
        if not host and ":" in parts.path.partition("@")[0] and "@" in parts.path:
            # What stands there may be a password.
            raise AddressError(f"{parts.scheme}: no host; expected {parts.scheme}://host")
        if not url.isprintable() or " " in url:
            raise AddressError(f"{name!r}: holds what no URL does; write a space as %20")
        if parts.fragment:
            raise AddressError(f'{name}: an address has no fragment; write "#" as %23')
        options, secured = parameters(name, parts.query, known, tls=tls)
        return cls(
            name,
            parts.scheme,
            host,
            (port if given is None else given) if host else 0,
            unquote(parts.path),
            None if parts.username is None else unquote(parts.username),
            None if parts.password is None else unquote(parts.password),
            options,
            secured if tls else None,
        )


def parameters(
    name: str, query: str, known: Mapping[str, Callable[[str], Any]], *, tls: bool
) -> tuple[dict[str, Any], TLS]:
    """
    The parameters in *query*, and those of TLS; *name* is for the messages.

    Raises:
        AddressError: an unknown one, or a value that cannot be read.
    """
    options: dict[str, Any] = {}
    secured: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        # Not as a form: there, a plus would be a space.
        key, _, value = pair.partition("=")
        key, value = unquote(key), unquote(value)
        if tls and key in TLS_PARAMETERS:
            secured[key] = value
        elif key in known:
            try:
                options[key] = known[key](value)
            except ValueError as error:
                raise AddressError(f"{name}: {key}: expected {error}") from None
        else:
            names = [*known, *(TLS_PARAMETERS if tls else ())]
            near = nearest(key, names)
            hint = f"did you mean {near}?" if near else f"known are {', '.join(sorted(names))}"
            raise AddressError(f"{name}: {key[:40]!r} is no parameter; {hint}")
    return options, TLS(**secured)


def between(least: float, most: float, what: str) -> Callable[[str], float]:
    """Reads a number within bounds."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not least <= number <= most:
            raise ValueError(f"{what} between {least:g} and {most:g}")
        return number

    return read


seconds: Final = between(0.001, 600, "seconds")


def flag(text: str) -> bool:
    """Reads 1 or 0."""
    if text not in {"1", "0"}:
        raise ValueError("1 or 0")
    return text == "1"


def one_line_of(most: int) -> Callable[[str], str]:
    """Reads printable ASCII without spaces, of at most so many characters."""

    def read(text: str) -> str:
        if not 0 < len(text) <= most or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError(f"1 to {most} printable ASCII characters without spaces")
        return text

    return read
