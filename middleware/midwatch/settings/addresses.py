"""Kinds of values that name a place outside: networks, and destinations as URLs."""

from __future__ import annotations

from ipaddress import ip_interface, ip_network
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote, urlsplit

from ..nearest import nearest
from .kinds import Refused, either, kind, list_of, plain_function
from .shown import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from .kinds import Kind

__all__ = ["destination", "error_destination", "line_destination", "networks", "span_destination"]


def _network(value: object) -> str:
    if value == "unix":
        return "unix"
    if not isinstance(value, str):
        raise Refused
    try:
        return str(ip_network(value))
    except ValueError:
        pass
    try:
        right = str(ip_interface(value).network)
    except ValueError:
        raise Refused('did you mean "unix"?' if nearest(value, ("unix",)) else "") from None
    raise Refused(f"did you mean {shown(right)}?", f"{shown(value)} is an address within a network, not a network")


networks: Final = list_of(
    kind('a network such as "10.0.0.0/8", an address, or "unix"', _network),
    'networks ("10.0.0.0/8"), addresses, "unix"',
)


def destination(*names: str, call: bool) -> Kind:
    """
    Where something is sent to: one of *names*, a file as a URL, or a function that takes it.

    Args:
        names: Destinations that need no address.
        call: Whether a function is one.
    """
    expected = [f'"{name}"' for name in names] + ['"file:///path"'] + (["a callable"] if call else [])

    return kind(either(*expected), lambda value: _accepted(value, names, call=call))


def _accepted(value: object, names: tuple[str, ...], *, call: bool) -> str | Callable[..., object]:
    if isinstance(value, str):
        return value if value in names else _file(value, names)
    if call and callable(value):
        return plain_function(value)
    raise Refused


NETWORKED: Final = ("otlp", "otlps", "zipkin", "zipkins")
"""Schemes of the servers that take spans."""

SPANS: Final = ("console", "memory")


def _span_destination(value: object) -> Any:
    # Only where something is sent: settings are also read by commands that need no tracing.
    from ..tracing.export.sdk import is_exporter, is_exporter_class  # noqa: PLC0415

    if not isinstance(value, str):
        try:
            made, could_be = is_exporter(value), is_exporter_class(value)
        except Exception:
            raise Refused from None  # Whatever it is, it does not even say what it has.
        if could_be and isinstance(value, type):
            raise Refused(f"write {value.__name__}(...)", f"expected an exporter, got the class {value.__name__}")
        return value if made else _accepted(value, SPANS, call=True)
    scheme, slashes, rest = value.partition("://")
    if scheme in NETWORKED:
        _check(value)
        return value
    if slashes:
        right = _spelled(scheme, rest)
        if right is not None:
            raise Refused(f"did you mean {shown(right)}?")
    return _accepted(value, SPANS, call=True)


def _check(url: str) -> None:
    from ..tracing.export import check_destination  # noqa: PLC0415

    try:
        check_destination(url)
    except ValueError as error:
        raise Refused("", str(error)) from None


def _spelled(scheme: str, rest: str) -> str | None:
    """The address that was probably meant."""
    http = {"http": "otlp", "https": "otlps"}.get(scheme.lower())
    guess = http or nearest(scheme, NETWORKED)
    if guess is None:
        return None
    right = f"{guess}://{rest.removesuffix('/v1/traces') if http else rest}"
    try:
        _check(right)
    except Refused:
        return None
    return right


span_destination: Final = kind(
    '"otlp://host:4318", "zipkin://host:9411", "file:///path", "console", "memory", a callable or a SpanExporter',
    _span_destination,
)


def _line_destination(value: object) -> Any:
    # Only where something is sent: settings are also read by commands that need no log.
    from ..destinations import check_network, is_network  # noqa: PLC0415
    from ..destinations.network import SCHEMES  # noqa: PLC0415

    if not isinstance(value, str):
        raise Refused
    if is_network(value):
        try:
            check_network(value)
        except ValueError as error:
            raise Refused("", str(error)) from None
        return value
    scheme, colon, rest = value.partition(":")
    guess = nearest(scheme, (*SCHEMES, "file")) if colon else None
    if guess is not None and guess != scheme:
        raise Refused(f"did you mean {shown(f'{guess}:{rest}')}?")
    return _accepted(value, ("stdout", "stderr"), call=False)


line_destination: Final = kind(
    '"stdout", "stderr", "file:///path", "syslog+tls://host:6514" (also udp, tcp, unix) or "fluentd://host:24224"'
    " (also fluentd+tls)",
    _line_destination,
)


def _error_destination(value: object) -> Any:
    from ..errors.destinations import check_destination  # noqa: PLC0415

    if not isinstance(value, str):
        raise Refused
    try:
        check_destination(value)
    except ValueError as error:
        raise Refused("", str(error)) from None
    return value


error_destination: Final = kind(
    '"log", "sentry://key@host/project", "smtp://host/to@example.org", "webhook+https://host/path" or a URL of Apprise',
    _error_destination,
)


def _file(url: str, names: tuple[str, ...]) -> str:
    """*url* as `file:///path`, whichever way it was spelled."""
    guess = nearest(url, names)
    if guess:
        raise Refused(f'did you mean "{guess}"?')
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Refused from None
    if not url.isprintable() or url != url.strip():
        raise Refused
    if url.startswith("/"):
        raise Refused(f"did you mean {shown('file://' + quote(url))}?")
    if parts.scheme != "file":
        slashes, path = url.partition("://")[1:]
        near = slashes and path.startswith("/") and nearest(parts.scheme, ("file",))
        raise Refused(f"did you mean {shown('file://' + path)}?" if near else "")
    if parts.query or parts.fragment:
        raise Refused('in a file name, write "?" as %3F and "#" as %23', "a file URL has no query and no fragment")
    if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        right = f"file:///{parts.netloc}{parts.path}"
        raise Refused(f"did you mean {shown(right)}?", "a file URL has three slashes and the whole path")
    path = unquote(parts.path)
    if path.endswith("/") or "\0" in path:
        raise Refused("", f"{shown(url)} names no file")
    return f"file://{parts.path}"
