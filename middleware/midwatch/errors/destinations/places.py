"""Which URL stands for which destination of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .log import LogLine
from .sdk import SDK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...service import Service
    from .destination import Destination

__all__ = ["Telling", "check_destination", "destinations_of"]


class Telling(NamedTuple):
    """
    How people are told; times are seconds.

    Attributes:
        quiet: Silence after which an error is news again.
        window: In which what is no news gathers to one digest.
        cap: Most notices in an hour.
    """

    quiet: float = 86_400.0
    window: float = 600.0
    cap: int = 20


def check_destination(url: str) -> None:
    """
    Look at *url* without opening anything.

    Raises:
        ValueError: it cannot be meant; says what is wrong, without credentials.
    """
    if url != "log":
        _way(url).check(url)


def destinations_of(
    urls: Sequence[str],
    service: Service,
    telling: Telling | None = None,
    *,
    group: Callable[[BaseException, str | None], str] | None = None,
) -> tuple[Destination, ...]:
    """
    What hands an occurrence to each of *urls*; sentry-sdk first, where the application uses it.

    Args:
        urls: `log`, trackers, and ways to people.
        service: Named in everything.
        telling: How people are told.
        group: Fingerprint of an exception and its route.

    Raises:
        ValueError: a URL that cannot be meant, or files that it names and that cannot be read.
    """
    found: list[Destination] = [SDK(group)]
    people: list[str] = []
    for url in urls:
        if url == "log":
            found.append(LogLine(service))
        elif (way := _way(url)).__name__.endswith("sentry"):
            found.append(way.sentry_to(url, service))
        else:
            people.append(url)
    if people:
        from .people import people_to  # noqa: PLC0415 - only where somebody asks for it

        found.append(people_to(people, service, **(telling or Telling())._asdict()))
    return tuple(found)


def _way(url: str) -> Any:
    """The module behind a scheme, imported where it is asked for."""
    scheme = url.partition(":")[0].lower()
    from . import people, sentry  # noqa: PLC0415

    if scheme.startswith("sentry") or (scheme in {"http", "https"} and "@" in url):
        return sentry  # A DSN as Sentry writes it is told how it is written here.
    return people
