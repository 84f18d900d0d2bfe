"""
Any URL of Apprise (https://appriseit.com/services/): `slack://...`, `tgram://...`, `mailto://...`, or `apprise+SCHEME://...`.

The library is a heavy one. It is imported with the first notice, in the worker's thread, and all that it does happens
there. Its own limits of time hold: `cto` and `rto` in the URL, seconds of connecting and of an answer, 4 each.
"""

from __future__ import annotations

from importlib.util import find_spec
from inspect import signature
from typing import TYPE_CHECKING, Any, Final, final

from ....delivery import Channel, Later, Refused
from ....destinations.address import AddressError
from ....hushed import hushed
from ...notices.chat import without_calls
from .apprise_schemes import SCHEMES
from .terms import AGAIN, GIVE_UP, WAITING

if TYPE_CHECKING:
    from ....service import Service
    from ...notices import Notice

__all__ = ["EXPLICIT", "SCHEMES", "channel_to", "check"]

EXPLICIT: Final = "apprise+"

KINDS: Final = {
    "first": "failure",
    "count": "warning",
    "returned": "failure",
    "digest": "info",
    "suppressed": "warning",
}
"""How loud each kind of notice is."""


def check(url: str) -> None:
    """
    Look at *url*: whether the library is there, and not what it makes of it, which would import all of it.

    Raises:
        ValueError: it cannot be meant; says what is wrong, and nothing of what follows the scheme.
    """
    scheme = url.partition("://")[0].lower()
    if not url.isprintable() or " " in url:
        raise AddressError(f"{scheme[:40]}: holds what no URL does; write a space as %20")
    if not url.partition("://")[2]:
        raise AddressError(f"{scheme}: a URL of Apprise says more")
    if find_spec("apprise") is None:
        raise AddressError(f"{scheme}: Apprise is not installed: pip install midwatch[notify]")


def channel_to(url: str, service: Service) -> Channel[Notice]:
    """
    A channel to the service at *url*.

    Raises:
        ValueError: it cannot be meant, or Apprise is not installed.
    """
    check(url)
    sender = _Apprise(url)
    return Channel(sender.name, sender.deliver, apart=True, batch=1, max_items=WAITING, give_up=GIVE_UP)


@final
class _Apprise:
    """Sends notices one by one; some services are throttled by the library, which sleeps."""

    def __init__(self, url: str) -> None:
        # The user may have a custom plug-in for a scheme of ours: the prefix is only for us.
        self._url = url[len(EXPLICIT) :] if url.lower().startswith(EXPLICIT) else url
        self.name = f"{EXPLICIT}{self._url.partition('://')[0].lower()}"
        self._made: Any = None

    def deliver(self, notices: list[Notice]) -> None:
        """Send them."""
        with hushed():
            if self._made is None:
                self._made = self._make()
            for notice in notices:
                title, body = without_calls(notice.title), without_calls(notice.text)
                if not self._made.notify(body, title, notify_type=KINDS[notice.kind], body_format="text"):
                    raise Later(AGAIN, f"{self.name}: not sent; `apprise -vv URL` shows why")

    def _make(self) -> Any:
        from apprise import Apprise, AppriseAsset  # noqa: PLC0415 - see above

        options: dict[str, Any] = {"app_id": "Midwatch", "app_desc": "Midwatch", "app_url": "", "async_mode": False}
        if "service_timeout" in signature(AppriseAsset.__init__).parameters:
            # Otherwise it waits for threads of its own: they outlive us, and do not exist in a forked child.
            options["service_timeout"] = 0
        made = Apprise(asset=AppriseAsset(**options))
        if not made.add(self._url):
            raise Refused(f"{self.name}: Apprise makes nothing of this URL")
        return made
