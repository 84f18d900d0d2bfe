"""
Webhooks: `webhook+https://host/path?query` and `webhook+http://`, whose URL is that of the hook itself.

Each notice is one POST of JSON: `text`, which Slack, Mattermost, Rocket.Chat and others show, `title`, and fields by
the names of log lines. Who knows the URL may write there: it is shown nowhere but for its host.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final
from urllib.parse import urlsplit

from ....delivery import Channel, Later, Refused
from ....destinations.address import AddressError
from ....hushed import hushed
from ....logs.safe import encode_line
from ....posting import Poster
from ...notices.chat import slack_text, without_calls
from .terms import GIVE_UP, WAITING

if TYPE_CHECKING:
    from ....service import Service
    from ...notices import Notice

__all__ = ["SCHEMES", "channel_to", "check"]

SCHEMES: Final = ("webhook+https", "webhook+http")

HEADERS: Final = {"content-type": "application/json"}

_is_code: Final = re.compile(r"[a-z_]{1,64}").fullmatch
"""What Slack says of a POST that it refuses: `invalid_token`, `channel_is_archived`. A page might quote the URL."""


def check(url: str) -> None:
    """
    Look at *url* without opening anything.

    Raises:
        ValueError: it cannot be meant; says what is wrong, and nothing of the path.
    """
    _Webhook(url)


def channel_to(url: str, service: Service) -> Channel[Notice]:
    """
    A channel to the hook at *url*, which is connected to with the first notice.

    Raises:
        ValueError: it cannot be meant.
    """
    hook = _Webhook(url)
    return Channel(hook.name, hook.deliver, apart=True, batch=1, max_items=WAITING, give_up=GIVE_UP)


@final
class _Webhook:
    """Posts notices, one by one, so that one which is sent again was not there before."""

    def __init__(self, url: str) -> None:
        scheme = url.partition("://")[0].lower()
        target = scheme.removeprefix("webhook+") + url[len(scheme) :]
        try:
            self._poster = Poster(target, HEADERS)
        except ValueError:
            raise AddressError(f"{scheme}: expected {scheme}://host/path") from None
        parts = urlsplit(target)
        self.name = f"{scheme}://{parts.netloc.rpartition('@')[2]}"
        if parts.fragment:
            raise AddressError(f'{self.name}: an address has no fragment; write "#" as %23')
        # What fails is said of this place.
        self._poster.place = self.name

    def deliver(self, notices: list[Notice]) -> None:
        """Send them."""
        for notice in notices:
            try:
                with hushed():
                    self._poster.post(_body(notice))
            except Later as error:
                raise Later(error.seconds, self._said(error)) from None
            except Refused as error:
                raise Refused(self._said(error)) from None

    def _said(self, error: Exception) -> str:
        status, _, answer = str(error).removeprefix(f"{self.name}: ").partition(" ")
        return f"{self.name}: {status} {answer if _is_code(answer) else ''}".rstrip()


def _body(notice: Notice) -> bytes:
    # In this order: attributes of the service have whatever names somebody gave them.
    told = {**notice.fields, "text": slack_text(notice.whole), "title": without_calls(notice.title)}
    return encode_line(told).encode()
