"""
Addresses of collectors: `otlp://`, `otlps://`, `zipkin://` and `zipkins://`, of which those with an s are over TLS.

Parameters of the query say how spans are sent: `timeout` and `delay` (seconds), `queue` and `batch` (spans),
`compression` (`gzip` or `none`), `header.NAME` (a header of each request), and for OTLP `exact=1` (the path is whole).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from ...posting.place import place_of
from .options import FRAMING, KNOWN, OTLP, ZIPKIN, MeaninglessError, Options, number_of

__all__ = ["SCHEMES", "Address"]


class Scheme(NamedTuple):
    """What a scheme stands for."""

    http: str
    port: int
    path: str
    variables: tuple[str, ...]

    @property
    def based(self) -> bool:
        """Whether the path of an address is only where the protocol's own begins."""
        return self.variables is OTLP


SCHEMES: Final = {
    "otlp": Scheme("http", 4318, "/v1/traces", OTLP),
    "otlps": Scheme("https", 4318, "/v1/traces", OTLP),
    "zipkin": Scheme("http", 9411, "/api/v2/spans", ZIPKIN),
    "zipkins": Scheme("https", 9411, "/api/v2/spans", ZIPKIN),
}

HEADER: Final = "header."

EXACT: Final = {"1": True, "0": False}
COMPRESSION: Final = {"gzip": True, "none": False}


class Address(NamedTuple):
    """
    Where and how spans are sent.

    Attributes:
        name: The address as it may be shown: without credentials and parameters.
        url: The same for HTTP, with credentials.
    """

    name: str
    url: str
    options: Options

    @classmethod
    def of(cls, told: str) -> Address:
        """
        What *told* names; what it does not say comes from the standard variables.

        Raises:
            ValueError: it is no such address; says what is wrong, without credentials.
        """
        expected = "a destination for spans has no such host: expected otlp://host:4318 or the like"
        parts, _, port, _ = place_of(told, expected)
        scheme = SCHEMES[parts.scheme]
        name = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        if parts.fragment:
            raise ValueError(f'{name}: an address has no fragment; write "#" as %23')
        try:
            options, exact = _told(parts.query, scheme)
        except MeaninglessError as error:
            raise ValueError(f"{name}: {error}") from None
        netloc = parts.netloc if port is not None else f"{parts.netloc.removesuffix(':')}:{scheme.port}"
        return cls(name, f"{scheme.http}://{netloc}{_path(parts.path, scheme, exact=exact)}", options)


def _path(told: str, scheme: Scheme, *, exact: bool) -> str:
    if exact:
        return told or "/"
    if scheme.based:
        # Many give the whole of it.
        return told.rstrip("/").removesuffix(scheme.path) + scheme.path
    return told if told.strip("/") else scheme.path


def _told(query: str, scheme: Scheme) -> tuple[Options, bool]:
    options, exact = Options.known(scheme.variables), False
    headers = dict(options.headers)
    for pair in query.split("&") if query else ():
        # Not as a form: there, the plus of a token would be a space.
        name, _, value = pair.partition("=")
        name, value = unquote(name), unquote(value)
        if name in KNOWN:
            told: dict[str, Any] = {name: number_of(name, value)}
            options = options._replace(**told)
        elif name == "compression":
            options = options._replace(compressed=_one_of(COMPRESSION, name, value))
        elif name == "exact" and scheme.based:
            exact = _one_of(EXACT, name, value)
        elif name.startswith(HEADER):
            headers[_header(name.removeprefix(HEADER))] = value
        else:
            known = sorted([*KNOWN, "compression", f"{HEADER}NAME", *(["exact"] if scheme.based else [])])
            raise MeaninglessError(f"{name[:40]!r} is no parameter; known are {', '.join(known)}")
    options = options._replace(headers=tuple(headers.items()), batch=min(options.batch, options.queue))
    return options, exact


def _one_of(choices: dict[str, bool], name: str, value: str) -> bool:
    if value not in choices:
        raise MeaninglessError(f"{name} is {' or '.join(choices)}")
    return choices[value]


def _header(name: str) -> str:
    name = name.lower()
    if name in FRAMING:
        raise MeaninglessError(f"{HEADER}{name}: says what the body is, and is not yours to set")
    return name
