"""Kinds of values of metrics and health: addresses to listen at, shares in percent, labels, checks, registries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from ..nearest import nearest
from .kinds import Kind, Refused, kind, whole_path
from .kinds import seconds as _seconds
from .named import function, imported, no_arguments
from .shown import shown

if TYPE_CHECKING:
    from .place import Place

__all__ = ["address", "check", "directory", "file", "gate", "group", "labels", "limit", "listen", "percent", "registry",
           "seconds_or_off", "target"]  # fmt: skip

GROUPS: Final = ("live", "ready", "startup")


def _or_false(one: Kind, expected: str) -> Kind:
    """*one*, or False; typed as None for that."""

    def read(value: object, place: Place) -> Any:
        return None if value is False else one.read(value, place)

    return Kind(expected, read)


seconds_or_off: Final = _or_false(_seconds, f"{_seconds.expected}, or False")


def _percent(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 100:
        raise Refused
    if value < 1:
        raise Refused(f"did you mean {value * 100:g}?")
    return float(value)


percent: Final = kind("a number of percent, 1 to 100", _percent)


def _target(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        percent = not isinstance(value, bool) and isinstance(value, int | float) and 1 < value < 100
        raise Refused(f"did you mean {value / 100:g}?" if percent else "")  # type: ignore[operator]
    return float(value)


target: Final = kind("a share above 0 and below 1", _target)

_is_listen = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[0-9.]+|localhost):(?P<port>[0-9]{1,5})").fullmatch


def _listen(value: object) -> str:
    match = _is_listen(value) if isinstance(value, str) else None
    if match is None:
        port = str(value).removeprefix(":")
        right = f"0.0.0.0:{port}"
        raise Refused(f"did you mean {shown(right)}?" if port.isdecimal() and not isinstance(value, bool) else "")
    host = match["host"].strip("[]")
    try:
        if host != "localhost":
            ip_address(host)
    except ValueError:
        raise Refused from None
    if not 0 < int(match["port"]) < 65536:
        raise Refused("", f"{shown(value)} has no port between 1 and 65535")
    return str(value)


listen: Final = kind('an address and a port to listen at, such as "0.0.0.0:9464" or "[::]:9464"', _listen)


def _directory(value: object) -> str | None:
    if value is False:
        return None
    return "auto" if value == "auto" else whole_path(value)


directory: Final = kind('"auto", the whole path of a directory, or False', _directory)

file: Final = kind('the whole path of a file, such as "/run/orders/drain"', whole_path)

_is_label = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,63}").fullmatch

_label = function('"module:callable" or a function of the exchange', 1)


def _labels(value: object, place: Place) -> dict[str, Any]:
    from ..metrics.labels import TAKEN  # noqa: PLC0415 - most services have none

    if not isinstance(value, Mapping):
        place.wrong(f"expected a dict of functions by label, got {shown(value)}")
        return {}
    found: dict[str, Any] = {}
    for name, given in value.items():
        here = place.entry(name, given, "LABEL")
        if not isinstance(name, str) or not _is_label(name) or name.startswith("__"):
            here.wrong("expected the name of a label: letters, digits and _, and no __ in front")
        elif name in TAKEN:
            here.wrong(f"{shown(name)} is a label of ours, or of Prometheus", "call it something else")
        elif given is not None:
            found[name] = _label.read(given, here)
    return found


labels: Final = Kind("a dict of functions by label", _labels)


def _group(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", value):
        guess = nearest(value, GROUPS)
        if value in GROUPS or guess is None:
            return value
        raise Refused(f'did you mean "{guess}"?')
    raise Refused


group: Final = kind('"live", "ready", "startup" or a group of your own', _group)


def _limit(value: object) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{1,6}(?:\.\d{1,3})? ?s", value):
        return value
    if isinstance(value, float) and value > 0:
        raise Refused(f'did you mean "{value:g}s"?')
    raise Refused


limit: Final = kind('a whole number above 0, or seconds as in "30s"', _limit)


def _gate(value: object) -> bool | Literal["force"]:
    if isinstance(value, bool):
        return value
    if value == "force":
        return "force"
    raise Refused('did you mean "force"?' if nearest(value, ("force",)) else "")


gate: Final = kind('True, False or "force"', _gate)


def _check(value: object) -> Any:
    # Only where a check is asked for: they need what they check.
    from ..health.builtin import builtin, engine_check, is_engine, known  # noqa: PLC0415

    if isinstance(value, str) and known(value):
        try:
            return builtin(value)
        except ValueError as error:
            raise Refused("", str(error)) from None
    found = imported(value) if isinstance(value, str) else value
    return engine_check(found) if is_engine(found) else no_arguments(value)


check: Final = kind(
    '"module:callable", a callable, or a check of ours such as "tcp://host:5432" or "disk:/data"', _check
)


def _registry(value: object) -> str:
    from ..health.registries import registry as registration  # noqa: PLC0415 - most services register nowhere
    from ..service import Service  # noqa: PLC0415

    if not isinstance(value, str):
        raise Refused
    try:
        registration(value, service=Service("service"))
    except ValueError as error:
        raise Refused("", str(error).removeprefix("health.register: ")) from None
    return value


registry: Final = kind(
    '"consul://host:8500" or "eureka://host:8761/eureka" (also consul+https, eureka+https)', _registry
)


def _address(value: object) -> str:
    if isinstance(value, str) and value.isprintable():
        try:
            parts = urlsplit(value)
            if parts.scheme in {"http", "https"} and parts.hostname and parts.port and parts.path in {"", "/"}:
                return value.rstrip("/")
        except ValueError:
            pass
        if "://" not in value and ":" in value:
            raise Refused(f"did you mean {shown('http://' + value)}?")
    raise Refused


address: Final = kind('where the service is reached, such as "http://10.0.0.5:8000"', _address)
