"""Which URL stands for which way to people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ....destinations.address import AddressError
from ....nearest import nearest
from ...notices import Policy
from . import apprise_, mail, webhook
from .people import People

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ....service import Service

__all__ = ["check", "is_for_people", "people_to"]

OURS: Final = (*mail.SCHEMES, *webhook.SCHEMES)

OTHERWISE: Final = {
    "http": "webhook+http", "https": "webhook+https", "webhook": "webhook+https", "webhooks": "webhook+https",
    "mail": "smtp", "email": "smtp", "smtp+tls": "smtps", "smtp+ssl": "smtps",
    "mattermost": "mmost", "pushover": "pover", "teams": "workflows", "telegram": "tgram",
}  # fmt: skip
"""What one may take for it."""


def is_for_people(url: str) -> bool:
    """Whether the scheme of *url* is one of these."""
    return _module(_scheme(url)) is not None


def check(url: str) -> None:
    """
    Look at *url* without opening anything.

    Raises:
        ValueError: it cannot be meant; says what is wrong, without credentials.
    """
    _way(url).check(url)


def people_to(
    urls: Sequence[str], service: Service, *, quiet: float = 86_400.0, window: float = 600.0, cap: int = 20
) -> People:
    """
    People at *urls*, who are told the same.

    Args:
        urls: One or several; connected to with the first notice.
        service: Named in each notice.
        quiet: Seconds of silence after which an error is news again.
        window: Seconds in which what is no news gathers to one digest.
        cap: Notices in an hour, beside digests.

    Raises:
        ValueError: a URL that cannot be meant, or files of its TLS that cannot be read.
    """
    channels = [_way(url).channel_to(url, service) for url in urls]
    return People(channels, service, Policy(quiet=quiet, window=window, cap=cap))


def _scheme(url: str) -> str:
    return url.partition(":")[0].lower()


def _module(scheme: str) -> Any:
    if scheme in mail.SCHEMES:
        return mail
    if scheme in webhook.SCHEMES:
        return webhook
    if scheme in apprise_.SCHEMES or scheme.startswith(apprise_.EXPLICIT):
        return apprise_
    return None


def _way(url: str) -> Any:
    scheme = _scheme(url)
    module = _module(scheme)
    if "://" not in url:
        # Whatever it is, it may be secret.
        raise AddressError("expected a URL, as in smtp://host/to@example.org")
    if module is None:
        near = OTHERWISE.get(scheme) or nearest(scheme, (*OURS, *apprise_.SCHEMES))
        hint = f"did you mean {near}?" if near else f"known are {', '.join(OURS)}, and those of Apprise"
        raise AddressError(f"{scheme[:40]!r} is no scheme of a way to people; {hint}")
    return module
