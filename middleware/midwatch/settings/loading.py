"""From the dict to `Settings`, and where each setting in force comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from msgspec.structs import replace

from .compared import compare_addresses, compare_checks, compare_objectives
from .environment import from_environment
from .health import health_paths
from .place import Place
from .problem import SettingsError
from .schema import Settings
from .section import Section, fields_of, read_section
from .shown import plain, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .problem import Problem

S = TypeVar("S", bound=Section)

__all__ = ["InForce", "in_force", "load"]


def load(settings: Mapping[str, object] | None, source: str = "settings") -> Settings:
    """
    *settings*, checked and typed; what is absent or None has its default, or what a standard variable says.

    Modules named as `"module:callable"` are imported.

    Args:
        settings: The dict that the user wrote.
        source: Where it stands, for messages: `app.config["MIDWATCH"]`.

    Raises:
        SettingsError: something is wrong; it tells every problem, not only the first.
    """
    problems: list[Problem] = []
    place = Place({} if settings is None else settings, problems)
    found = read_section(Settings, place)
    if found is not None and not problems:
        _compare_paths(found, place)
        _compare_trust(found, place)
        compare_addresses(found, place)
        compare_checks(found, place)
        compare_objectives(found, place)
    if found is None or problems:
        raise SettingsError(problems, source)
    return _completed(found, {} if settings is None else settings)


def _compare_paths(found: Settings, place: Place) -> None:
    """Of health, metrics and errors, no two are served at one path."""
    taken: dict[str, str] = {}
    if found.health is not None:
        taken = dict.fromkeys(health_paths(found.health), "health")
    for name, section in (("metrics", found.metrics), ("errors", found.errors)):
        served = None if section is None else section.path
        if served is None:
            continue
        if served in taken:
            _collide(place, name, taken[served], served)
        taken[served] = name


def _collide(place: Place, later: str, earlier: str, path: str) -> None:
    given: Any = place.value
    name = later if _given(given, f"{later}.path") else earlier
    here = place.entry(name, given[name], name).entry("path", given[name]["path"], "path")
    verb = "is" if earlier == "health" else "are"
    here.wrong(f"{earlier} {verb} served at {shown(path)}, and so are {later}")


def _compare_trust(found: Settings, place: Place) -> None:
    """Proxies that nobody has named would trust nobody, without a word."""
    if found.trace is None or found.trace.trust != "proxies" or found.trusted_proxies:
        return
    given: Any = place.value
    here = place.entry("trace", given["trace"], "trace").entry("trust", "proxies", "trust")
    here.wrong("no proxies are known", 'name them in "trusted_proxies", or write "never"')


def _completed(settings: Settings, given: Mapping[str, object]) -> Settings:
    for path, (value, _) in from_environment().items():
        if not _given(given, path):
            settings = _with(settings, path.split("."), value)
    return settings


def _with(section: S, path: list[str], value: Any) -> S:
    """*section* with one setting, unless a section that it belongs to is off."""
    inner = getattr(section, path[0], None)
    if len(path) > 1:
        if inner is None:
            return section
        value = _with(inner, path[1:], value)
    return replace(section, **{path[0]: value})


def _given(given: Any, path: str) -> bool:
    for name in path.split("."):
        given = given.get(name) if isinstance(given, Mapping) else None
    return given is not None


class InForce(NamedTuple):
    """
    One setting in force.

    Attributes:
        path: As in `log.to`.
        value: Masked, as JSON can say it; False for a section that is off.
        origin: `given`, `default`, or the variable that says so.
    """

    path: str
    value: Any
    origin: str


def in_force(settings: Settings, given: Mapping[str, object] | None) -> list[InForce]:
    """Every setting of *settings*, which were loaded from *given*, in the order of the reference."""
    told = from_environment()

    def origin(path: str) -> str:
        if _given(given, path):
            return "given"
        return told[path][1] if path in told else "default"

    def rows(section: Section, prefix: str) -> Iterator[InForce]:
        for name, field in fields_of(type(section)).items():
            path, value = prefix + name, getattr(section, field.attribute)
            if isinstance(value, Section):
                yield from rows(value, f"{path}.")
            else:
                off = value is None and (field.setting.kind.section or field.default is not None)
                yield InForce(path, False if off else plain(value), origin(path))

    return list(rows(settings, ""))
