"""Headers of requests and responses, by a list of those that may be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from .redactor import Redactor

__all__ = ["HARMLESS", "shown_headers"]

HARMLESS: Final = frozenset(
    """
    accept accept-charset accept-encoding accept-language accept-ranges age allow cache-control connection
    content-encoding content-language content-length content-range content-type date dnt etag expect expires host
    if-match if-modified-since if-none-match if-range if-unmodified-since last-modified origin pragma range retry-after
    sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user server
    te trailer traceparent transfer-encoding upgrade user-agent vary via x-request-id x-requested-with
    """.split()  # noqa: SIM905 - as prose they can be read
)
"""Headers that say nothing of who asks; what is not known to be harmless is not among them."""

MOST: Final = 64
"""Headers of one message that are shown."""


def shown_headers(
    headers: Iterable[tuple[str | bytes, str | bytes]], redactor: Redactor, allow: Collection[str] = HARMLESS
) -> dict[str, str]:
    """
    The *headers* in *allow*, by their names in lower case, without secrets; several of one name are joined by commas.

    A name that is that of a secret is shown without its value, also if it is allowed.
    """
    shown: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name = _text(raw_name).lower()
        if name not in allow or (name not in shown and len(shown) >= MOST):
            continue
        value = redactor.header(name, _text(raw_value))
        known = shown.get(name)
        # As RFC 9110 section 5.3 joins them; the mask stays one.
        shown[name] = value if known is None or known == value else redactor.header(name, f"{known}, {value}")
    return shown


def _text(raw: str | bytes) -> str:
    return raw.decode("latin-1") if isinstance(raw, bytes) else raw
